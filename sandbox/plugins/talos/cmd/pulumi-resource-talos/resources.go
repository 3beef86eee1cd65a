package main

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	stdx509 "crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-sdk/v2/helper/retry"
	"github.com/siderolabs/crypto/x509"
	"github.com/siderolabs/image-factory/pkg/schematic"
	"github.com/siderolabs/talos/cmd/talosctl/pkg/talos/action"
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
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

var resources = map[string]resource{
	"talos:machine/secrets:Secrets": {
		check: checkTalosVersion, computed: []string{"talosVersion", "machineSecrets", "clientConfiguration"}, kept: []string{"id"},
		modify: modifySecrets, create: createSecrets, update: updateSecrets, replaces: secretsReplaces, imported: importSecrets,
	},
	"talos:machine/configurationApply:ConfigurationApply": {
		check: checkApply, computed: []string{"endpoint", "resolvedApplyMode"}, kept: []string{"id", "machineConfiguration", "machineConfigurationHash"},
		defaults: object{"applyMode": "auto", "onDestroy": object{"reset": false, "graceful": true, "reboot": false}},
		modify:   modifyApply, create: apply, remove: reset,
		update: func(ctx context.Context, p *provider, planned, _ object) error { return apply(ctx, p, planned) },
	},
	// A changed node is an update that does nothing: talos_machine_bootstrap_resource.go, which also imports any ID.
	"talos:machine/bootstrap:Bootstrap": {
		check: checkClientConfiguration, computed: []string{"endpoint"}, kept: []string{"id"}, modify: modifyEndpoint, create: bootstrap,
		imported: func(string) (object, object, error) { return object{}, object{"id": "machine_bootstrap"}, nil },
	},
	"talos:cluster/kubeconfig:Kubeconfig": {
		computed: []string{"endpoint"}, kept: []string{"id", "kubeconfigRaw", "kubernetesClientConfiguration"},
		defaults: object{"certificateRenewalDuration": "720h"}, modify: modifyKubeconfig, create: createKubeconfig, update: updateKubeconfig,
	},
	"talos:imageFactory/schematic:Schematic": {computed: []string{"id"}, create: createSchematic, update: updateSchematic},
}

// Variables, for the tests: the timeout of the provider's operations, and the clock (upstream's OverridableTimeFunc).
var (
	retryLimit = 10 * time.Minute
	now        = time.Now
)

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func unb64(m object, k string) []byte {
	b, _ := base64.StdEncoding.DecodeString(text(m, k))
	return b
}

func setDefault(m object, k string, v any) {
	if m[k] == nil {
		m[k] = v
	}
}

// modifyEndpoint is the first half of the ModifyPlan functions; the second is left out, too, while the node is unknown.
func modifyEndpoint(in, _, state object) error {
	if in["node"] != unknown && in["endpoint"] == nil {
		state["endpoint"] = in["node"]
	}
	return nil
}

func nodeUnknown(in object) bool { return in["node"] == unknown || in["endpoint"] == unknown }

// expires says whether a certificate ends before the time.
func expires(certificate []byte, before time.Time) (bool, error) {
	block, _ := pem.Decode(certificate)
	if block == nil {
		return false, errors.New("failed to decode client certificate: failed to parse PEM block")
	}
	parsed, err := stdx509.ParseCertificate(block.Bytes)
	if err != nil {
		return false, diagnostic("failed to parse client certificate", err)
	}
	return parsed.NotAfter.Before(before), nil
}

// --- talos_machine_secrets_resource.go ---

func checkTalosVersion(in object) error {
	if v := text(in, "talosVersion"); v != "" && v != unknown {
		_, err := config.ParseContractFromVersion(v)
		return diagnostic("Invalid version", err)
	}
	return nil
}

// modifySecrets: the client certificate is renewed in its last month. No secret has UseStateForUnknown, so a preview of any update makes all
// of them unknown.
func modifySecrets(in, old, state object) error {
	if in["talosVersion"] == nil && old == nil {
		state["talosVersion"] = semver.MajorMinor(gendata.VersionTag)
	}
	renew, err := secretsExpire(old)
	if renew {
		state["clientConfiguration"] = unknown
	}
	return err
}

func secretsExpire(old object) (bool, error) {
	if text(child(old, "clientConfiguration"), "caCertificate") == "" {
		return false, nil
	}
	return expires(unb64(child(old, "clientConfiguration"), "clientCertificate"), now().AddDate(0, 1, 0))
}

// secretsReplaces: a lower talosVersion, even one with fewer digits, is a new PKI.
func secretsReplaces(planned, old object) []string {
	v := text(planned, "talosVersion")
	if v != unknown && semver.Compare("v"+strings.TrimPrefix(v, "v"), "v"+strings.TrimPrefix(text(old, "talosVersion"), "v")) < 0 {
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
	return diagnostic("failed to convert secrets bundle to machine secrets", fromBundle(b, state))
}

// fromBundle is secretsBundleTomachineSecrets (util.go).
func fromBundle(b *secrets.Bundle, state object) error {
	admin, err := b.GenerateTalosAPIClientCertificateWithTTL(role.MakeSet(role.Admin), constants.TalosAPIDefaultCertificateValidityDuration)
	if err != nil {
		return err
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

// updateSecrets keeps all but the version, and a client certificate that expires.
func updateSecrets(_ context.Context, _ *provider, state, old object) error {
	renew, err := secretsExpire(old)
	if renew && err == nil {
		err = fromBundle(secretsBundle(child(old, "machineSecrets")), state)
	} else {
		state["clientConfiguration"] = old["clientConfiguration"]
	}
	state["machineSecrets"] = old["machineSecrets"]
	return diagnostic("failed to convert secrets bundle to machine secrets", err)
}

// importSecrets: the import ID is the path of a secrets bundle.
func importSecrets(path string) (in, state object, err error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, diagnostic("failed to import state", err)
	}
	b := &secrets.Bundle{Clock: secrets.NewFixedClock(time.Now())}
	if err = yaml.Unmarshal(raw, b); err != nil {
		return nil, nil, diagnostic("failed to unmarshal machine secrets", err)
	}
	in = object{"talosVersion": "v1.3"}
	if b.Secrets.AESCBCEncryptionSecret != "" {
		in["talosVersion"] = "v1.2"
	}
	state = maps.Clone(in)
	return in, state, diagnostic("failed to convert secrets bundle to machine secrets", fromBundle(b, state))
}

// --- util.go ---

func clientConfiguration(name string, in object) *clientconfig.Config {
	c := child(in, "clientConfiguration")
	return clientconfig.NewConfig(name, nil, unb64(c, "caCertificate"),
		&x509.PEMEncodedCertificateAndKey{Crt: unb64(c, "clientCertificate"), Key: unb64(c, "clientKey")})
}

// insecure is the client of the maintenance service: it verifies nothing.
func insecure(ctx context.Context, in object) (*client.Client, error) {
	return client.New(ctx, client.WithTLSConfig(&tls.Config{InsecureSkipVerify: true}), client.WithEndpoints(text(in, "endpoint")))
}

// talosClientOp talks to the maintenance service if that answers; else with the client's certificate.
func talosClientOp(ctx context.Context, in object, op func(context.Context, *client.Client) error) error {
	ctx = client.WithNode(ctx, text(in, "node"))
	c, err := insecure(ctx, in)
	if err != nil {
		return err
	}
	if _, err = c.Disks(ctx); err != nil { //nolint:staticcheck // as upstream
		_ = c.Close()
		if c, err = client.New(ctx, client.WithConfig(clientConfiguration("dynamic", in)), client.WithEndpoints(text(in, "endpoint"))); err != nil {
			return err
		}
	}
	defer c.Close() //nolint:errcheck
	return op(ctx, c)
}

// retried repeats talosClientOp for ten minutes. Only InvalidArgument ends it: AlreadyExists, Unimplemented and wrong certificates are repeated, too.
func retried(ctx context.Context, in object, op func(context.Context, *client.Client) error) error {
	deadline, cancel := context.WithTimeout(ctx, retryLimit)
	defer cancel()
	return retry.RetryContext(deadline, retryLimit, func() *retry.RetryError {
		err := talosClientOp(ctx, in, op)
		switch {
		case err == nil:
			return nil
		case status.Code(err) == codes.InvalidArgument:
			return retry.NonRetryableError(err)
		}
		return retry.RetryableError(err)
	})
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

func modifyApply(in, old, state object) error {
	input := text(in, "machineConfigurationInput")
	if _ = modifyEndpoint(in, old, state); nodeUnknown(in) || input == unknown || hasUnknown(in["configPatches"]) {
		return nil
	}
	rendered, err := patched(input, texts(in, "configPatches"))
	if err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(rendered))
	state["machineConfiguration"], state["machineConfigurationHash"] = rendered, hex.EncodeToString(sum[:])
	state["resolvedApplyMode"] = state["applyMode"]
	if state["applyMode"] == "staged_if_needing_reboot" {
		state["resolvedApplyMode"] = resolveMode(state, old)
	}
	return nil
}

// resolveMode is handleRebootPrevention: a dry run, also in a preview; when that fails the mode is auto, which may reboot.
func resolveMode(state, old object) string {
	if old != nil && old["machineConfiguration"] == state["machineConfiguration"] && text(old, "resolvedApplyMode") != "" {
		return text(old, "resolvedApplyMode")
	}
	mode := "auto"
	if state["clientConfiguration"] == unknown {
		return mode
	}
	_ = talosClientOp(context.Background(), state, func(ctx context.Context, c *client.Client) error {
		resp, err := c.ApplyConfiguration(ctx, &machine.ApplyConfigurationRequest{
			Mode: machine.ApplyConfigurationRequest_AUTO, Data: []byte(text(state, "machineConfiguration")), DryRun: true,
		})
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
	return diagnostic("Error applying configuration", retried(ctx, state, func(ctx context.Context, c *client.Client) error {
		_, err := c.ApplyConfiguration(ctx, &machine.ApplyConfigurationRequest{Mode: mode, Data: []byte(text(state, "machineConfiguration"))})
		return err
	}))
}

// reset is the deletion: nothing, unless onDestroy.reset is set. Then it waits until the node stops its services, or has rebooted.
func reset(ctx context.Context, old object) error {
	on := child(old, "onDestroy")
	if on["reset"] != true {
		return nil
	}
	request := &machine.ResetRequest{
		Graceful: on["graceful"] == true, Reboot: on["reboot"] == true,
		SystemPartitionsToWipe: []*machine.ResetPartitionSpec{{Label: "STATE", Wipe: true}, {Label: "EPHEMERAL", Wipe: true}},
	}
	rebooted := func(ctx context.Context, c *client.Client, bootID string) error {
		maintenance, err := insecure(ctx, old)
		if err != nil {
			return err
		}
		defer maintenance.Close() //nolint:errcheck
		if _, err = maintenance.Disks(client.WithNode(ctx, text(old, "node"))); err == nil {
			return nil
		}
		return action.BootIDChangedPostCheckFn(ctx, c, bootID)
	}
	if !request.Reboot {
		rebooted = nil
	}
	return diagnostic("Error resetting machine", talosClientOp(ctx, old, func(_ context.Context, c *client.Client) error {
		return action.NewTracker(executor{c, text(old, "node")}, action.StopAllServicesEventFn, func(ctx context.Context, c *client.Client) (string, error) {
			resp, err := c.ResetGenericWithResponse(ctx, request)
			if err != nil {
				return "", err
			}
			return resp.GetMessages()[0].GetActorId(), nil
		}, action.WithPostCheck(rebooted), action.WithTimeout(retryLimit)).Run()
	}))
}

type executor struct {
	client *client.Client
	node   string
}

func (e executor) NodeList() []string { return []string{e.node} }
func (e executor) WithClient(f func(context.Context, *client.Client) error, _ ...grpc.DialOption) error {
	return f(client.WithNodes(context.Background(), e.node), e.client)
}

// --- talos_machine_bootstrap_resource.go ---

func bootstrap(ctx context.Context, _ *provider, state object) error {
	state["id"] = "machine_bootstrap"
	return diagnostic("Error bootstrapping node", retried(ctx, state, func(ctx context.Context, c *client.Client) error {
		return c.Bootstrap(ctx, &machine.BootstrapRequest{})
	}))
}

// --- talos_cluster_kubeconfig_resource.go ---

// modifyKubeconfig: when the client certificate expires soon, a kubeconfig with another one is fetched.
func modifyKubeconfig(in, old, state object) error {
	if _ = modifyEndpoint(in, old, state); nodeUnknown(in) {
		return nil
	}
	duration := text(in, "certificateRenewalDuration")
	if duration == "" || duration == unknown {
		duration = text(old, "certificateRenewalDuration")
	}
	renew, err := kubeconfigExpires(old, duration)
	if renew {
		state["kubeconfigRaw"], state["kubernetesClientConfiguration"] = unknown, unknown
	}
	return err
}

func kubeconfigExpires(old object, duration string) (bool, error) {
	certificate := unb64(child(old, "kubernetesClientConfiguration"), "clientCertificate")
	if len(certificate) == 0 {
		return false, nil
	}
	before, err := time.ParseDuration(duration)
	if err != nil {
		return false, diagnostic("failed to parse certificate renewal duration in plan", err)
	}
	return expires(certificate, now().Add(before))
}

func updateKubeconfig(ctx context.Context, p *provider, state, old object) error {
	renew, err := kubeconfigExpires(old, text(state, "certificateRenewalDuration"))
	if !renew || err != nil {
		return err
	}
	id := state["id"]
	err = createKubeconfig(ctx, p, state)
	state["id"] = id
	return err
}

func createKubeconfig(ctx context.Context, _ *provider, state object) error {
	var raw []byte
	err := retried(ctx, state, func(ctx context.Context, c *client.Client) (err error) {
		raw, err = c.Kubeconfig(ctx)
		return err
	})
	if err != nil {
		return diagnostic("failed to retrieve kubeconfig", err)
	}
	var kubeconfig struct {
		Clusters []struct {
			Name    string
			Cluster map[string]string
		}
		Users []struct{ User map[string]string }
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
		"host": cluster.Cluster["server"], "caCertificate": cluster.Cluster["certificate-authority-data"],
		"clientCertificate": user["client-certificate-data"], "clientKey": user["client-key-data"],
	}
	return nil
}

// --- talos_image_factory_schematic_resource.go ---

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
