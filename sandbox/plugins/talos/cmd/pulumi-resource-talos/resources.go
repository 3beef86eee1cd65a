package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/siderolabs/crypto/x509"
	"github.com/siderolabs/image-factory/pkg/schematic"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"
	clientconfig "github.com/siderolabs/talos/pkg/machinery/client/config"
	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/generate/secrets"
	"github.com/siderolabs/talos/pkg/machinery/constants"
	"github.com/siderolabs/talos/pkg/machinery/gendata"
	"github.com/siderolabs/talos/pkg/machinery/role"
	"go.yaml.in/yaml/v4"
	"golang.org/x/mod/semver"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

var resources = map[string]resource{
	"talos:machine/secrets:Secrets": {check: checkTalosVersion, plan: planSecrets, create: createSecrets, update: updateSecrets, replaces: secretsReplaces},
	"talos:machine/configurationApply:ConfigurationApply": {
		check: checkApply, plan: planApply, create: apply, remove: reset,
		update: func(ctx context.Context, p *provider, planned, _ object) error { return apply(ctx, p, planned) },
	},
	// A changed node is an update that does nothing: talos_machine_bootstrap_resource.go.
	"talos:machine/bootstrap:Bootstrap":      {check: checkClientConfiguration, plan: planBootstrap, create: bootstrap},
	"talos:cluster/kubeconfig:Kubeconfig":    {plan: planKubeconfig, create: createKubeconfig},
	"talos:imageFactory/schematic:Schematic": {plan: planSchematic, create: createSchematic, update: updateSchematic},
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func unb64(m object, k string) []byte {
	b, _ := base64.StdEncoding.DecodeString(text(m, k))
	return b
}

// planned starts a plan: the inputs, and for each computed property the old value if it is kept by UseStateForUnknown, else unknown.
func planned(in, old object, kept []string, computed ...string) object {
	state := maps.Clone(in)
	for _, name := range computed {
		state[name] = unknown
	}
	for _, name := range append(kept, "id") {
		if state[name] = unknown; old != nil {
			state[name] = old[name]
		}
	}
	return state
}

func setDefault(m object, k string, v any) {
	if m[k] == nil {
		m[k] = v
	}
}

// planEndpoint is the first half of the ModifyPlan functions: it says whether the rest is to be done.
func planEndpoint(in, state object) bool {
	if in["node"] == unknown || in["endpoint"] == unknown {
		setDefault(state, "endpoint", unknown)
		return false
	}
	setDefault(state, "endpoint", in["node"])
	return true
}

// --- talos_machine_secrets_resource.go ---

func checkTalosVersion(in object) error {
	if v := text(in, "talosVersion"); v != "" && v != unknown {
		_, err := config.ParseContractFromVersion(v)
		return diagnostic("Invalid version", err)
	}
	return nil
}

// planSecrets: no computed property has UseStateForUnknown, so a preview of any update makes all secrets unknown.
func planSecrets(in, old object) (object, error) {
	state := planned(in, old, nil, "machineSecrets", "clientConfiguration")
	setDefault(state, "talosVersion", semver.MajorMinor(gendata.VersionTag))
	return state, nil
}

// secretsReplaces: a lower talosVersion, even one with fewer digits, is a new PKI.
func secretsReplaces(in, old object) []string {
	v := text(in, "talosVersion")
	if v != "" && v != unknown && semver.Compare("v"+strings.TrimPrefix(v, "v"), "v"+strings.TrimPrefix(text(old, "talosVersion"), "v")) < 0 {
		return []string{"talosVersion"}
	}
	return nil
}

func createSecrets(_ context.Context, _ *provider, state object) error {
	contract, err := config.ParseContractFromVersion(text(state, "talosVersion"))
	if err != nil {
		return diagnostic("failed to validate talos version", err)
	}
	b, err := secrets.NewBundle(secrets.NewFixedClock(time.Now()), contract)
	if err != nil {
		return diagnostic("failed to generate secrets bundle", err)
	}
	admin, err := b.GenerateTalosAPIClientCertificateWithTTL(role.MakeSet(role.Admin), constants.TalosAPIDefaultCertificateValidityDuration)
	if err != nil {
		return diagnostic("failed to convert secrets bundle to machine secrets", err)
	}
	pair := func(p *x509.PEMEncodedCertificateAndKey) object { return object{"cert": b64(p.Crt), "key": b64(p.Key)} }
	kubernetes := object{"bootstrapToken": b.Secrets.BootstrapToken, "secretboxEncryptionSecret": b.Secrets.SecretboxEncryptionSecret, "aescbcEncryptionSecret": nil}
	if b.Secrets.AESCBCEncryptionSecret != "" { // before Talos 1.3
		kubernetes["aescbcEncryptionSecret"] = b.Secrets.AESCBCEncryptionSecret
	}
	state["id"] = "machine_secrets"
	state["machineSecrets"] = object{
		"cluster":    object{"id": b.Cluster.ID, "secret": b.Cluster.Secret},
		"secrets":    kubernetes,
		"trustdinfo": object{"token": b.TrustdInfo.Token},
		"certs": object{
			"etcd": pair(b.Certs.Etcd), "k8s": pair(b.Certs.K8s), "k8sAggregator": pair(b.Certs.K8sAggregator),
			"k8sServiceaccount": object{"key": b64(b.Certs.K8sServiceAccount.Key)}, "os": pair(b.Certs.OS),
		},
	}
	state["clientConfiguration"] = object{"caCertificate": b64(b.Certs.OS.Crt), "clientCertificate": b64(admin.Crt), "clientKey": b64(admin.Key)}
	return nil
}

// updateSecrets keeps all but the version. (Upstream renews the client certificate in its last month.)
func updateSecrets(_ context.Context, _ *provider, state, old object) error {
	state["machineSecrets"], state["clientConfiguration"] = old["machineSecrets"], old["clientConfiguration"]
	return nil
}

// --- util.go ---

func clientConfiguration(name string, in object) *clientconfig.Config {
	c := child(in, "clientConfiguration")
	return clientconfig.NewConfig(name, nil, unb64(c, "caCertificate"),
		&x509.PEMEncodedCertificateAndKey{Crt: unb64(c, "clientCertificate"), Key: unb64(c, "clientKey")})
}

// talosClientOp talks to the maintenance service, without verifying it, if that answers; else with the client's certificate.
func talosClientOp(ctx context.Context, in object, op func(context.Context, *client.Client) error) error {
	ctx = client.WithNode(ctx, text(in, "node"))
	endpoint := client.WithEndpoints(text(in, "endpoint"))
	c, err := client.New(ctx, client.WithTLSConfig(&tls.Config{InsecureSkipVerify: true}), endpoint)
	if err != nil {
		return err
	}
	if _, err = c.Disks(ctx); err != nil { //nolint:staticcheck // as upstream
		_ = c.Close()
		if c, err = client.New(ctx, client.WithConfig(clientConfiguration("dynamic", in)), endpoint); err != nil {
			return err
		}
	}
	defer c.Close() //nolint:errcheck
	return op(ctx, c)
}

// retry repeats talosClientOp for ten minutes. Only InvalidArgument ends it: AlreadyExists, Unimplemented and wrong certificates are repeated, too.
func retry(ctx context.Context, in object, op func(context.Context, *client.Client) error) error {
	limit := time.After(retryLimit)
	for wait := 500 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		err := talosClientOp(ctx, in, op)
		if err == nil || status.Code(err) == codes.InvalidArgument {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-limit:
			return err
		case <-time.After(wait):
		}
	}
}

// --- talos_machine_configuration_apply_resource.go ---

func checkClientConfiguration(in object) error {
	if in["clientConfiguration"] == nil {
		return errors.New("Missing client configuration: Exactly one of client_configuration or client_configuration_wo must be set")
	}
	return nil
}

func checkApply(in object) error {
	if in["machineConfigurationInput"] == nil {
		return errors.New("Missing machine configuration input: Exactly one of machine_configuration_input or machine_configuration_input_wo must be set")
	}
	modes := []string{"auto", "reboot", "no_reboot", "staged", "staged_if_needing_reboot"}
	if mode := text(in, "applyMode"); mode != "" && mode != unknown && !slices.Contains(modes, mode) {
		return fmt.Errorf("Invalid Attribute Value Match: Attribute apply_mode value must be one of: %q, got: %q", modes, mode)
	}
	return checkClientConfiguration(in)
}

func planApply(in, old object) (object, error) {
	state := planned(in, old, []string{"machineConfiguration", "machineConfigurationHash"}, "resolvedApplyMode")
	setDefault(state, "applyMode", "auto")
	if on := child(state, "onDestroy"); on != nil {
		on = maps.Clone(on)
		setDefault(on, "reset", false)
		setDefault(on, "graceful", true)
		setDefault(on, "reboot", false)
		state["onDestroy"] = on
	}
	input := text(in, "machineConfigurationInput")
	if !planEndpoint(in, state) || input == unknown || hasUnknown(in["configPatches"]) {
		return state, nil
	}
	rendered, err := patched(input, texts(in, "configPatches"))
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(rendered))
	state["machineConfiguration"], state["machineConfigurationHash"] = rendered, hex.EncodeToString(sum[:])
	state["resolvedApplyMode"] = state["applyMode"]
	if state["applyMode"] == "staged_if_needing_reboot" {
		state["resolvedApplyMode"] = resolveMode(state, old)
	}
	return state, nil
}

// resolveMode is handleRebootPrevention: a dry run, also in a preview; when that fails the mode is auto, which may reboot.
func resolveMode(state, old object) string {
	if old != nil && old["machineConfiguration"] == state["machineConfiguration"] && text(old, "resolvedApplyMode") != "" {
		return text(old, "resolvedApplyMode")
	}
	mode := "auto"
	if hasUnknown(state["clientConfiguration"]) {
		return mode
	}
	_ = talosClientOp(context.Background(), state, func(ctx context.Context, c *client.Client) error {
		resp, err := c.ApplyConfiguration(ctx, &machine.ApplyConfigurationRequest{Data: []byte(text(state, "machineConfiguration")), DryRun: true})
		if err == nil && len(resp.Messages) > 0 && resp.Messages[0].Mode == machine.ApplyConfigurationRequest_REBOOT {
			mode = "staged"
		}
		return err
	})
	return mode
}

func apply(ctx context.Context, _ *provider, state object) error {
	mode := machine.ApplyConfigurationRequest_Mode(machine.ApplyConfigurationRequest_Mode_value[strings.ToUpper(text(state, "resolvedApplyMode"))])
	state["id"] = "machine_configuration_apply"
	return diagnostic("Error applying configuration", retry(ctx, state, func(ctx context.Context, c *client.Client) error {
		_, err := c.ApplyConfiguration(ctx, &machine.ApplyConfigurationRequest{Mode: mode, Data: []byte(text(state, "machineConfiguration"))})
		return err
	}))
}

// reset is the deletion: nothing, unless onDestroy.reset is set. (Upstream also follows the node's events until it has stopped or rebooted.)
func reset(ctx context.Context, old object) error {
	on := child(old, "onDestroy")
	if on["reset"] != true {
		return nil
	}
	return diagnostic("Error resetting machine", talosClientOp(ctx, old, func(ctx context.Context, c *client.Client) error {
		_, err := c.ResetGenericWithResponse(ctx, &machine.ResetRequest{
			Graceful: on["graceful"] == true, Reboot: on["reboot"] == true,
			SystemPartitionsToWipe: []*machine.ResetPartitionSpec{{Label: "STATE", Wipe: true}, {Label: "EPHEMERAL", Wipe: true}},
		})
		return err
	}))
}

// --- talos_machine_bootstrap_resource.go ---

func planBootstrap(in, old object) (object, error) {
	state := planned(in, old, nil)
	planEndpoint(in, state)
	return state, nil
}

func bootstrap(ctx context.Context, _ *provider, state object) error {
	state["id"] = "machine_bootstrap"
	return diagnostic("Error bootstrapping node", retry(ctx, state, func(ctx context.Context, c *client.Client) error {
		return c.Bootstrap(ctx, &machine.BootstrapRequest{})
	}))
}

// --- talos_cluster_kubeconfig_resource.go ---

// planKubeconfig: an update keeps the kubeconfig. (Upstream fetches another one when its certificate expires.)
func planKubeconfig(in, old object) (object, error) {
	state := planned(in, old, []string{"kubeconfigRaw", "kubernetesClientConfiguration"})
	setDefault(state, "certificateRenewalDuration", "720h")
	planEndpoint(in, state)
	return state, nil
}

func createKubeconfig(ctx context.Context, _ *provider, state object) error {
	var raw []byte
	err := retry(ctx, state, func(ctx context.Context, c *client.Client) (err error) {
		raw, err = c.Kubeconfig(ctx)
		return err
	})
	if err != nil {
		return diagnostic("failed to retrieve kubeconfig", err)
	}
	var kubeconfig struct {
		Clusters []struct {
			Name    string
			Cluster struct {
				Server string
				CA     string `yaml:"certificate-authority-data"`
			}
		}
		Users []struct {
			User struct {
				Certificate string `yaml:"client-certificate-data"`
				Key         string `yaml:"client-key-data"`
			}
		}
	}
	if err = yaml.Unmarshal(raw, &kubeconfig); err == nil && (len(kubeconfig.Clusters) != 1 || len(kubeconfig.Users) != 1) {
		err = errors.New("not one cluster and one user")
	}
	if err != nil {
		return diagnostic("failed to parse kubeconfig", err)
	}
	cluster, user := kubeconfig.Clusters[0], kubeconfig.Users[0].User
	state["id"], state["kubeconfigRaw"] = cluster.Name, string(raw)
	state["kubernetesClientConfiguration"] = object{
		"host": cluster.Cluster.Server, "caCertificate": cluster.Cluster.CA, "clientCertificate": user.Certificate, "clientKey": user.Key,
	}
	return nil
}

// --- talos_image_factory_schematic_resource.go ---

func planSchematic(in, old object) (object, error) {
	state := planned(in, old, nil)
	state["id"] = unknown
	return state, nil
}

// createSchematic: what the provider's version of the schematic does not know is dropped without an error.
func createSchematic(ctx context.Context, p *provider, state object) error {
	var s schematic.Schematic
	if err := yaml.Unmarshal([]byte(text(state, "schematic")), &s); err != nil {
		return diagnostic("failed to unmarshal schematic", err)
	}
	// image-factory 1.1.0, which upstream is built on, does not know these.
	s.Owner, s.Customization.EmbeddedMachineConfiguration, s.Customization.DiskImage = "", "", schematic.DiskImageCustomization{}
	f, err := p.client()
	if err != nil {
		return err
	}
	id, _, err := f.SchematicCreate(ctx, s)
	state["id"] = id
	return diagnostic("failed to create schematic", err)
}

// updateSchematic creates the changed schematic, but the resource keeps its first ID: see resource.update.
func updateSchematic(ctx context.Context, p *provider, state, _ object) error {
	return createSchematic(ctx, p, state)
}
