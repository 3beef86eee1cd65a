package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/siderolabs/crypto/x509"
	factory "github.com/siderolabs/image-factory/pkg/client"
	sideronet "github.com/siderolabs/net"
	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/bundle"
	"github.com/siderolabs/talos/pkg/machinery/config/configpatcher"
	"github.com/siderolabs/talos/pkg/machinery/config/encoder"
	"github.com/siderolabs/talos/pkg/machinery/config/generate"
	"github.com/siderolabs/talos/pkg/machinery/config/generate/secrets"
	talosmachine "github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/constants"
	"github.com/siderolabs/talos/pkg/machinery/gendata"
	"github.com/siderolabs/talos/pkg/machinery/platforms"
	"golang.org/x/mod/semver"
)

// functions get their arguments and add their results to them.
var functions = map[string]func(context.Context, *provider, object) error{
	"talos:machine/getConfiguration:getConfiguration":                getMachineConfiguration,
	"talos:client/getConfiguration:getConfiguration":                 getClientConfiguration,
	"talos:imageFactory/getVersions:getVersions":                     getVersions,
	"talos:imageFactory/getExtensionsVersions:getExtensionsVersions": getExtensionsVersions,
	"talos:imageFactory/getUrls:getUrls":                             getURLs,
}

// --- talos_machine_configuration_data_source.go, util.go ---

func getMachineConfiguration(_ context.Context, _ *provider, state object) error {
	setDefault(state, "kubernetesVersion", constants.DefaultKubernetesVersion)
	setDefault(state, "talosVersion", semver.MajorMinor(gendata.VersionTag))
	contract, err := config.ParseContractFromVersion(text(state, "talosVersion"))
	if err != nil {
		return diagnostic("Invalid version", err)
	}
	machineType := map[string]talosmachine.Type{"controlplane": talosmachine.TypeControlPlane, "worker": talosmachine.TypeWorker}[text(state, "machineType")]
	if machineType == talosmachine.TypeUnknown {
		return fmt.Errorf(`Invalid Attribute Value Match: Attribute machine_type value must be one of: ["controlplane" "worker"], got: %q`, text(state, "machineType"))
	}
	if text(state, "clusterName") == "" {
		return errors.New("Invalid Attribute Value Length: Attribute cluster_name string length must be at least 1, got: 0")
	}
	if err := checkEndpoint(text(state, "clusterEndpoint")); err != nil {
		return diagnostic("cluster_endpoint is invalid", err)
	}
	patches, err := configpatcher.LoadPatches(texts(state, "configPatches"))
	if err != nil {
		return diagnostic("config_patches are invalid", err)
	}
	comments := encoder.CommentsDisabled
	if state["docs"] == true {
		comments |= encoder.CommentsDocs
	}
	if state["examples"] == true {
		comments |= encoder.CommentsExamples
	}
	withPatches := bundle.WithPatchControlPlane
	if machineType == talosmachine.TypeWorker {
		withPatches = bundle.WithPatchWorker
	}
	configs, err := bundle.NewBundle(withPatches(patches), bundle.WithVerbose(false), bundle.WithInputOptions(&bundle.InputOptions{
		ClusterName: text(state, "clusterName"),
		Endpoint:    text(state, "clusterEndpoint"),
		KubeVersion: strings.TrimPrefix(text(state, "kubernetesVersion"), "v"),
		GenOptions: []generate.Option{
			generate.WithClusterDiscovery(true),
			generate.WithDNSDomain(constants.DefaultDNSDomain),
			generate.WithInstallDisk("/dev/sda"),
			generate.WithInstallImage(fmt.Sprintf("%s/%s/installer:%s", gendata.ImagesRegistry, gendata.ImagesUsername, gendata.VersionTag)),
			generate.WithSecretsBundle(secretsBundle(child(state, "machineSecrets"))),
			generate.WithVersionContract(contract),
		},
	}))
	if err != nil {
		return diagnostic("failed to generate machine configuration", err)
	}
	raw, err := configs.Serialize(comments, machineType)
	state["id"], state["machineConfiguration"] = state["clusterName"], string(raw)
	return diagnostic("failed to generate machine configuration", err)
}

func secretsBundle(m object) *secrets.Bundle {
	cluster, kubernetes, certs := child(m, "cluster"), child(m, "secrets"), child(m, "certs")
	pair := func(k string) *x509.PEMEncodedCertificateAndKey {
		return &x509.PEMEncodedCertificateAndKey{Crt: unb64(child(certs, k), "cert"), Key: unb64(child(certs, k), "key")}
	}
	return &secrets.Bundle{
		Clock:   secrets.NewFixedClock(time.Now()),
		Cluster: &secrets.Cluster{ID: text(cluster, "id"), Secret: text(cluster, "secret")},
		Secrets: &secrets.Secrets{
			BootstrapToken: text(kubernetes, "bootstrapToken"), SecretboxEncryptionSecret: text(kubernetes, "secretboxEncryptionSecret"),
			AESCBCEncryptionSecret: text(kubernetes, "aescbcEncryptionSecret"),
		},
		TrustdInfo: &secrets.TrustdInfo{Token: text(child(m, "trustdinfo"), "token")},
		Certs: &secrets.Certs{
			Etcd: pair("etcd"), K8s: pair("k8s"), K8sAggregator: pair("k8sAggregator"), OS: pair("os"),
			K8sServiceAccount: &x509.PEMEncodedKey{Key: unb64(child(certs, "k8sServiceaccount"), "key")},
		},
	}
}

func checkEndpoint(endpoint string) error {
	u, err := url.Parse(endpoint)
	if err != nil {
		return fmt.Errorf("failed to parse the cluster endpoint URL: %w", err)
	}
	if u.Scheme != "https" {
		return errors.New("the control plane endpoint URL should have scheme https://")
	}
	return sideronet.ValidateEndpointURI(endpoint)
}

// patched is the rendering of ConfigurationApply (talos_machine_configuration_apply_resource.go).
func patched(input string, texts []string) (string, error) {
	patches, err := configpatcher.LoadPatches(texts)
	if err != nil {
		return "", diagnostic("Error loading config patches", err)
	}
	out, err := configpatcher.Apply(configpatcher.WithBytes([]byte(input)), patches)
	if err != nil {
		return "", diagnostic("Error applying config patches", err)
	}
	raw, err := out.Bytes()
	return string(raw), diagnostic("Error converting config to bytes", err)
}

// --- talos_client_configuration_data_source.go ---

func getClientConfiguration(_ context.Context, _ *provider, state object) error {
	name := text(state, "clusterName")
	c := clientConfiguration(name, state)
	if endpoints := texts(state, "endpoints"); len(endpoints) > 0 {
		c.Contexts[name].Endpoints = endpoints
	}
	if nodes := texts(state, "nodes"); len(nodes) > 0 {
		c.Contexts[name].Nodes = nodes
	}
	raw, err := c.Bytes()
	state["id"], state["talosConfig"] = name, string(raw)
	return diagnostic("failed to generate talos config", err)
}

// --- talos_image_factory_*_data_source.go ---

func (p *provider) client() (*factory.Client, error) { return factory.New(p.factory) }

func getVersions(ctx context.Context, p *provider, state object) error {
	f, err := p.client()
	if err != nil {
		return err
	}
	all, err := f.Versions(ctx)
	if err != nil {
		return diagnostic("failed to get talos versions", err)
	}
	list := []any{}
	for _, v := range all {
		if child(state, "filters")["stableVersionsOnly"] != true || semver.Prerelease(v) == "" {
			list = append(list, v)
		}
	}
	state["id"], state["talosVersions"] = "talos_versions", list
	return nil
}

// getExtensionsVersions: with both filters an extension needs to match one of them; an unknown name is no error.
func getExtensionsVersions(ctx context.Context, p *provider, state object) error {
	f, err := p.client()
	if err != nil {
		return err
	}
	all, err := f.ExtensionsVersions(ctx, text(state, "talosVersion"))
	if err != nil {
		return diagnostic("failed to get talos extensions versions", err)
	}
	exact, parts := texts(child(state, "exactFilters"), "names"), texts(child(state, "filters"), "names")
	list := []any{}
	for _, e := range all {
		if len(exact)+len(parts) == 0 || slices.Contains(exact, e.Name) || slices.ContainsFunc(parts, func(s string) bool { return strings.Contains(e.Name, s) }) {
			list = append(list, object{"name": e.Name, "ref": e.Ref, "digest": e.Digest, "author": e.Author, "description": e.Description})
		}
	}
	state["id"], state["extensionsInfos"] = "extensions_info", list
	return nil
}

// getURLs knows the cloud platforms; upstream's special cases of metal and single-board computers are left out.
func getURLs(_ context.Context, p *provider, state object) error {
	setDefault(state, "architecture", "amd64")
	base, err := url.Parse(p.factory)
	if err != nil {
		return diagnostic("failed to parse image factory base URL", err)
	}
	name, id, v := text(state, "platform"), text(state, "schematicId"), "v"+strings.TrimPrefix(text(state, "talosVersion"), "v")
	all := platforms.CloudPlatforms()
	i := slices.IndexFunc(all, func(p platforms.Platform) bool { return p.Name == name })
	if i < 0 {
		return fmt.Errorf("failed to find platform: %s", name)
	}
	platform, architecture := all[i], text(state, "architecture")
	image := fmt.Sprintf("%s/image/%s/%s/", base, id, v)
	urls := object{"installer": fmt.Sprintf("%s/%s-installer/%s:%s", base.Host, name, id, v)}
	add := func(key, value, secureBoot string) {
		urls[key] = value
		if platform.SecureBootSupported {
			urls[key+"Secureboot"] = secureBoot
		}
	}
	add("installer", text(urls, "installer"), fmt.Sprintf("%s/%s-installer-secureboot/%s:%s", base.Host, name, id, v))
	for _, method := range platform.BootMethods {
		switch method {
		case platforms.BootMethodDiskImage:
			add("diskImage", image+platform.DiskImageDefaultPath(architecture), image+platform.SecureBootDiskImageDefaultPath(architecture))
		case platforms.BootMethodISO:
			add("iso", image+platform.ISOPath(architecture), image+platform.SecureBootISOPath(architecture))
		case platforms.BootMethodPXE:
			urls["pxe"] = fmt.Sprintf("%s://pxe.%s/pxe/%s/%s/%s", base.Scheme, base.Host, id, v, platform.PXEScriptPath(architecture))
		}
	}
	state["id"], state["urls"] = "", urls
	return nil
}
