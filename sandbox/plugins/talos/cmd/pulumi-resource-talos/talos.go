package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/siderolabs/crypto/x509"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"
	clientconfig "github.com/siderolabs/talos/pkg/machinery/client/config"
	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configpatcher"
	"github.com/siderolabs/talos/pkg/machinery/config/encoder"
	"github.com/siderolabs/talos/pkg/machinery/config/generate"
	"github.com/siderolabs/talos/pkg/machinery/config/generate/secrets"
	talosmachine "github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/constants"
	"github.com/siderolabs/talos/pkg/machinery/role"
	talosversion "github.com/siderolabs/talos/pkg/machinery/version"
	"go.yaml.in/yaml/v4"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

var resources = map[string]resource{
	"talos:machine/secrets:Secrets": {create: createSecrets, outputs: []string{"machineSecrets", "clientConfiguration"}},
	"talos:machine/configurationApply:ConfigurationApply": {create: func(p *Provider, ctx context.Context, in object) (string, object, error) {
		out, err := applyConfiguration(p, ctx, in, nil)
		return "machine_configuration_apply", out, err
	}, update: applyConfiguration, remove: resetMachine, replace: []string{"node"}, outputs: []string{"machineConfiguration", "machineConfigurationHash", "resolvedApplyMode"}},
	"talos:machine/bootstrap:Bootstrap": {create: bootstrap, replace: []string{"node"}},
	"talos:cluster/kubeconfig:Kubeconfig": {create: createKubeconfig, update: func(p *Provider, ctx context.Context, in, _ object) (object, error) {
		_, out, err := createKubeconfig(p, ctx, in)
		return out, err
	}, outputs: []string{"kubeconfigRaw", "kubernetesClientConfiguration", "certificateRenewalDuration"}},
	"talos:imageFactory/schematic:Schematic": {create: createSchematic, replace: []string{"schematic"}},
}

var functions = map[string]func(*Provider, context.Context, object) (object, error){
	"talos:machine/getConfiguration:getConfiguration":                getMachineConfiguration,
	"talos:client/getConfiguration:getConfiguration":                 getClientConfiguration,
	"talos:imageFactory/getVersions:getVersions":                     getVersions,
	"talos:imageFactory/getExtensionsVersions:getExtensionsVersions": getExtensionsVersions,
	"talos:imageFactory/getUrls:getUrls":                             getURLs,
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func unb64(m object, k string) []byte {
	b, _ := base64.StdEncoding.DecodeString(text(m, k))
	return b
}

func contractOf(in object) (*config.VersionContract, error) {
	v := text(in, "talosVersion")
	if v == "" {
		v = talosversion.Tag
	}
	return config.ParseContractFromVersion(v)
}

func createSecrets(_ *Provider, _ context.Context, in object) (string, object, error) {
	contract, err := contractOf(in)
	if err != nil {
		return "", nil, err
	}
	b, err := secrets.NewBundle(secrets.NewClock(), contract)
	if err != nil {
		return "", nil, err
	}
	admin, err := b.GenerateTalosAPIClientCertificate(role.MakeSet(role.Admin))
	if err != nil {
		return "", nil, err
	}
	pair := func(p *x509.PEMEncodedCertificateAndKey) object { return object{"cert": b64(p.Crt), "key": b64(p.Key)} }
	return "machine_secrets", object{
		"talosVersion": contract.String(),
		"machineSecrets": object{
			"cluster":    object{"id": b.Cluster.ID, "secret": b.Cluster.Secret},
			"secrets":    object{"bootstrapToken": b.Secrets.BootstrapToken, "secretboxEncryptionSecret": b.Secrets.SecretboxEncryptionSecret, "aescbcEncryptionSecret": b.Secrets.AESCBCEncryptionSecret},
			"trustdinfo": object{"token": b.TrustdInfo.Token},
			"certs": object{"etcd": pair(b.Certs.Etcd), "k8s": pair(b.Certs.K8s), "k8sAggregator": pair(b.Certs.K8sAggregator),
				"k8sServiceaccount": object{"key": b64(b.Certs.K8sServiceAccount.Key)}, "os": pair(b.Certs.OS)},
		},
		"clientConfiguration": object{"caCertificate": b64(b.Certs.OS.Crt), "clientCertificate": b64(admin.Crt), "clientKey": b64(admin.Key)},
	}, nil
}

func bundleOf(m object) *secrets.Bundle {
	c, certs := child(m, "cluster"), child(m, "certs")
	pair := func(k string) *x509.PEMEncodedCertificateAndKey {
		return &x509.PEMEncodedCertificateAndKey{Crt: unb64(child(certs, k), "cert"), Key: unb64(child(certs, k), "key")}
	}
	s := child(m, "secrets")
	return &secrets.Bundle{Clock: secrets.NewClock(), Cluster: &secrets.Cluster{ID: text(c, "id"), Secret: text(c, "secret")},
		Secrets:    &secrets.Secrets{BootstrapToken: text(s, "bootstrapToken"), SecretboxEncryptionSecret: text(s, "secretboxEncryptionSecret"), AESCBCEncryptionSecret: text(s, "aescbcEncryptionSecret")},
		TrustdInfo: &secrets.TrustdInfo{Token: text(child(m, "trustdinfo"), "token")},
		Certs: &secrets.Certs{Etcd: pair("etcd"), K8s: pair("k8s"), K8sAggregator: pair("k8sAggregator"), OS: pair("os"),
			K8sServiceAccount: &x509.PEMEncodedKey{Key: unb64(child(certs, "k8sServiceaccount"), "key")}}}
}

func getMachineConfiguration(_ *Provider, _ context.Context, in object) (object, error) {
	contract, err := contractOf(in)
	if err != nil {
		return nil, &invalid{"talosVersion", err}
	}
	k8s := strings.TrimPrefix(text(in, "kubernetesVersion"), "v")
	if k8s == "" {
		k8s = constants.DefaultKubernetesVersion
	}
	t, err := talosmachine.ParseType(text(in, "machineType"))
	if err != nil {
		return nil, &invalid{"machineType", err}
	}
	gen, err := generate.NewInput(text(in, "clusterName"), text(in, "clusterEndpoint"), k8s, generate.WithVersionContract(contract), generate.WithSecretsBundle(bundleOf(child(in, "machineSecrets"))))
	if err != nil {
		return nil, err
	}
	cfg, err := gen.Config(t)
	if err != nil {
		return nil, err
	}
	comments := encoder.CommentsDisabled
	if docs, _ := in["docs"].(bool); docs {
		comments |= encoder.CommentsDocs
	}
	if ex, _ := in["examples"].(bool); ex {
		comments |= encoder.CommentsExamples
	}
	raw, err := cfg.EncodeBytes(encoder.WithComments(comments))
	if err != nil {
		return nil, err
	}
	if raw, err = patched(raw, texts(in, "configPatches")); err != nil {
		return nil, &invalid{"configPatches", err}
	}
	return object{"id": text(in, "clusterName"), "machineConfiguration": string(raw), "kubernetesVersion": k8s, "talosVersion": contract.String()}, nil
}

func patched(raw []byte, texts []string) ([]byte, error) {
	if len(texts) == 0 {
		return raw, nil
	}
	patches, err := configpatcher.LoadPatches(texts)
	if err != nil {
		return nil, err
	}
	out, err := configpatcher.Apply(configpatcher.WithBytes(raw), patches)
	if err != nil {
		return nil, err
	}
	return out.Bytes()
}

func credentials(in object) (ca []byte, pair *x509.PEMEncodedCertificateAndKey) {
	c := child(in, "clientConfiguration")
	return unb64(c, "caCertificate"), &x509.PEMEncodedCertificateAndKey{Crt: unb64(c, "clientCertificate"), Key: unb64(c, "clientKey")}
}

func getClientConfiguration(_ *Provider, _ context.Context, in object) (object, error) {
	ca, pair := credentials(in)
	c := clientconfig.NewConfig(text(in, "clusterName"), texts(in, "endpoints"), ca, pair)
	c.Contexts[text(in, "clusterName")].Nodes = texts(in, "nodes")
	raw, err := c.Bytes()
	return object{"id": text(in, "clusterName"), "talosConfig": string(raw)}, err
}

// withNode calls the node until the call succeeds, fails for good, or time is up.
func withNode(ctx context.Context, in object, insecure bool, f func(context.Context, *client.Client) error) error {
	node, endpoint := text(in, "node"), text(in, "endpoint")
	if endpoint == "" {
		endpoint = node
	}
	opts := []client.OptionFunc{client.WithDefaultGRPCDialOptions()}
	if insecure {
		opts = append(opts, client.WithTLSConfig(&tls.Config{InsecureSkipVerify: true}), client.WithEndpoints(endpoint))
	} else {
		ca, pair := credentials(in)
		opts = append(opts, client.WithConfig(clientconfig.NewConfig("pulumi", []string{endpoint}, ca, pair)))
	}
	c, err := client.New(ctx, opts...)
	if err != nil {
		return err
	}
	defer c.Close()
	if !insecure {
		ctx = client.WithNode(ctx, node)
	}
	return f(ctx, c)
}

func retry(ctx context.Context, f func() error) error {
	for {
		err := f()
		switch status.Code(err) {
		case codes.OK:
			return nil
		case codes.InvalidArgument, codes.PermissionDenied, codes.Unimplemented, codes.Unauthenticated:
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (last error: %w)", ctx.Err(), err)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func applyConfiguration(_ *Provider, ctx context.Context, in, _ object) (object, error) {
	raw, err := patched([]byte(text(in, "machineConfigurationInput")), texts(in, "configPatches"))
	if err != nil {
		return nil, err
	}
	mode := machine.ApplyConfigurationRequest_AUTO
	if m := text(in, "applyMode"); m != "" {
		v, ok := machine.ApplyConfigurationRequest_Mode_value[strings.ToUpper(strings.ReplaceAll(m, "-", "_"))]
		if !ok {
			return nil, fmt.Errorf("applyMode: %q", m)
		}
		mode = machine.ApplyConfigurationRequest_Mode(v)
	}
	resolved := mode
	apply := func(ctx context.Context, c *client.Client) error {
		resp, err := c.ApplyConfiguration(ctx, &machine.ApplyConfigurationRequest{Data: raw, Mode: mode})
		if err == nil && len(resp.Messages) > 0 {
			resolved = resp.Messages[0].Mode
		}
		return err
	}
	err = retry(ctx, func() error { // a configured machine wants mTLS, a fresh one is in maintenance mode
		err := withNode(ctx, in, false, apply)
		if status.Code(err) == codes.Unavailable && strings.Contains(err.Error(), "certificate") {
			err = withNode(ctx, in, true, apply)
		}
		return err
	})
	sum := sha256.Sum256(raw)
	return object{"machineConfiguration": string(raw), "machineConfigurationHash": hex.EncodeToString(sum[:]), "resolvedApplyMode": strings.ToLower(resolved.String())}, err
}

func resetMachine(_ *Provider, ctx context.Context, old object) error {
	on := child(old, "onDestroy")
	if reset, _ := on["reset"].(bool); !reset {
		return nil
	}
	graceful, _ := on["graceful"].(bool)
	reboot, _ := on["reboot"].(bool)
	return withNode(ctx, old, false, func(ctx context.Context, c *client.Client) error { return c.Reset(ctx, graceful, reboot) })
}

func bootstrap(_ *Provider, ctx context.Context, in object) (string, object, error) {
	err := retry(ctx, func() error {
		err := withNode(ctx, in, false, func(ctx context.Context, c *client.Client) error {
			return c.Bootstrap(ctx, &machine.BootstrapRequest{})
		})
		if status.Code(err) == codes.AlreadyExists {
			return nil
		}
		return err
	})
	return "machine_bootstrap", object{}, err
}

func createKubeconfig(_ *Provider, ctx context.Context, in object) (string, object, error) {
	var raw []byte
	err := retry(ctx, func() error {
		return withNode(ctx, in, false, func(ctx context.Context, c *client.Client) (err error) {
			raw, err = c.Kubeconfig(ctx)
			return err
		})
	})
	if err != nil {
		return "", nil, err
	}
	var kc struct {
		Clusters []struct {
			Name    string
			Cluster struct {
				Server string
				CA     string `yaml:"certificate-authority-data"`
			}
		}
		Users []struct {
			User struct {
				Crt string `yaml:"client-certificate-data"`
				Key string `yaml:"client-key-data"`
			}
		}
	}
	if err = yaml.Unmarshal(raw, &kc); err != nil || len(kc.Clusters) == 0 || len(kc.Users) == 0 {
		return "", nil, fmt.Errorf("the node's kubeconfig: %w", err)
	}
	c, u := kc.Clusters[0], kc.Users[0].User
	return c.Name, object{"kubeconfigRaw": string(raw), "certificateRenewalDuration": "720h",
		"kubernetesClientConfiguration": object{"host": c.Cluster.Server, "caCertificate": c.Cluster.CA, "clientCertificate": u.Crt, "clientKey": u.Key}}, nil
}

// ask calls the Image Factory.
func (p *Provider) ask(ctx context.Context, method, path string, body string, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(p.factory, "/")+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 400 {
		return fmt.Errorf("image factory: %s: %s", resp.Status, strings.TrimSpace(string(data)))
	}
	return json.Unmarshal(data, out)
}

func createSchematic(p *Provider, ctx context.Context, in object) (string, object, error) {
	s := text(in, "schematic")
	if s == "" {
		s = "customization: {}\n"
	}
	var reply struct{ ID string }
	err := p.ask(ctx, http.MethodPost, "/schematics", s, &reply)
	return reply.ID, object{}, err
}

func getVersions(p *Provider, ctx context.Context, in object) (object, error) {
	var all []string
	if err := p.ask(ctx, http.MethodGet, "/versions", "", &all); err != nil {
		return nil, err
	}
	stable, _ := child(in, "filters")["stableVersionsOnly"].(bool)
	out := []any{}
	for _, v := range all {
		if !stable || !strings.Contains(v, "-") {
			out = append(out, v)
		}
	}
	return object{"id": "talos_versions", "talosVersions": out}, nil
}

func getExtensionsVersions(p *Provider, ctx context.Context, in object) (object, error) {
	var all []object
	if err := p.ask(ctx, http.MethodGet, "/version/"+text(in, "talosVersion")+"/extensions/official", "", &all); err != nil {
		return nil, err
	}
	exact, part := texts(child(in, "exactFilters"), "names"), texts(child(in, "filters"), "names")
	out := []any{}
	for _, e := range all {
		name := text(e, "name")
		if (len(exact) == 0 || slices.Contains(exact, name)) && (len(part) == 0 || slices.ContainsFunc(part, func(s string) bool { return strings.Contains(name, s) })) {
			out = append(out, e)
		}
	}
	return object{"id": "extensions_info", "extensionsInfos": out}, nil
}

func getURLs(p *Provider, _ context.Context, in object) (object, error) {
	arch, platform, v, id := text(in, "architecture"), text(in, "platform"), text(in, "talosVersion"), text(in, "schematicId")
	if arch == "" {
		arch = "amd64"
	}
	image := strings.TrimSuffix(p.factory, "/") + "/image/" + id + "/" + v + "/"
	host := strings.TrimPrefix(strings.TrimPrefix(strings.TrimSuffix(p.factory, "/"), "https://"), "http://")
	base, ext := platform+"-"+arch, ".raw.xz"
	if platform == "metal" {
		ext = ".raw.zst"
	}
	return object{"id": "image_factory_urls", "urls": object{"diskImage": image + base + ext, "diskImageSecureboot": image + base + "-secureboot" + ext,
		"iso": image + base + ".iso", "isoSecureboot": image + base + "-secureboot.iso", "kernel": image + "kernel-" + arch, "initramfs": image + "initramfs-" + arch + ".xz",
		"kernelCommandLine": image + "cmdline-" + base, "uki": image + base + "-uki.efi", "pxe": strings.Replace(image, "/image/", "/pxe/", 1) + base,
		"installer": host + "/" + platform + "-installer/" + id + ":" + v, "installerSecureboot": host + "/" + platform + "-installer-secureboot/" + id + ":" + v}}, nil
}
