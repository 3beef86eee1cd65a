package main

// Upstream's behaviour that programs depend on, unpleasant parts included: one row each, against the services of one machine in this process.
//
// Does not prove: that upstream still behaves so (read in its source, named in each row; nothing here runs it); the engine's part; what a
// machine does with a configuration, a reboot or a reset (it only answers); proxying from one machine to another by `node`.

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"github.com/siderolabs/talos/pkg/machinery/config/generate/secrets"
	"go.yaml.in/yaml/v4"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/structpb"

	"pulumi-talos-openstack/sdks/schemas"
)

// Where upstream's behaviour was read.
const (
	terraform = "siderolabs/terraform-provider-talos v0.11.0 pkg/talos/"
	bridge    = "pulumi/pulumi-terraform-bridge v3.129.0 pkg/pf/tfbridge/"
	framework = "hashicorp/terraform-plugin-framework v1.19.0 internal/fwserver/"

	secretsType    = "talos:machine/secrets:Secrets"
	applyType      = "talos:machine/configurationApply:ConfigurationApply"
	bootstrapType  = "talos:machine/bootstrap:Bootstrap"
	kubeconfigType = "talos:cluster/kubeconfig:Kubeconfig"
	schematicType  = "talos:imageFactory/schematic:Schematic"
)

// contract is the table. The names are those in sandbox/README.md.
var contract = []struct {
	name, source, done, expected string
	test                         func(t *testing.T, s *setup)
}{
	{
		name:     "bootstrap of a bootstrapped node",
		source:   terraform + "talos_machine_bootstrap_resource.go Create; hashicorp/terraform-plugin-sdk v2.40.0 helper/retry RetryContext",
		done:     "create a Bootstrap on a node that is bootstrapped",
		expected: "AlreadyExists is repeated for 10 minutes (here 2 s) after 0.5 s, 1 s, 2 s … and then is the error; nothing is in the state",
		test: func(t *testing.T, s *setup) {
			equal(t, "limit", retryLimit, 10*time.Minute)
			s.limit(t, 2*time.Second)
			s.machine.set(func() { s.machine.bootstrapped = true })
			start := time.Now()
			_, err := s.create(bootstrapType, s.inputs(nil))
			failed(t, err, "Error bootstrapping node: rpc error: code = AlreadyExists desc = etcd data directory is not empty")
			equal(t, "calls", s.machine.asked(), []string{"Bootstrap 10.0.0.1", "Bootstrap 10.0.0.1", "Bootstrap 10.0.0.1"})
			if took := time.Since(start); took < 2*time.Second || took > 10*time.Second {
				t.Errorf("took %s", took)
			}
		},
	},
	{
		name:     "only InvalidArgument is terminal",
		source:   terraform + "talos_machine_bootstrap_resource.go and talos_machine_configuration_apply_resource.go Create, talos_cluster_kubeconfig_resource.go Create",
		done:     "create against a node that refuses with InvalidArgument, and with FailedPrecondition, Unimplemented and PermissionDenied",
		expected: "one call for InvalidArgument, several for each of the others",
		test: func(t *testing.T, s *setup) {
			s.limit(t, 700*time.Millisecond)
			for _, token := range []string{bootstrapType, applyType, kubeconfigType} {
				for code, calls := range map[codes.Code]int{
					codes.InvalidArgument: 1, codes.FailedPrecondition: 2, codes.Unimplemented: 2, codes.PermissionDenied: 2,
				} {
					s.machine.set(func() { s.machine.refuse = code })
					_, err := s.create(token, s.machineInputs(nil))
					failed(t, err, "refused")
					equal(t, token+" "+code.String(), len(s.machine.asked()), calls)
				}
			}
		},
	},
	{
		name:     "a changed bootstrap node is a no-op",
		source:   terraform + "talos_machine_bootstrap_resource.go Update, Delete",
		done:     "change the node of a Bootstrap; delete it",
		expected: "an update without replacement; the node is asked nothing and stays bootstrapped",
		test: func(t *testing.T, s *setup) {
			state := created(s.create(bootstrapType, s.inputs(nil)))
			s.machine.set(func() {})
			other := s.inputs(object{"node": "10.0.0.9"})
			diffs(t, s.diff(bootstrapType, other, state), "node")
			after := created(s.update(bootstrapType, other, state))
			equal(t, "node", after["node"], any("10.0.0.9"))
			succeeded(t, "delete", s.remove(bootstrapType, after))
			equal(t, "calls", s.machine.asked(), nil)
		},
	},
	{
		name:     "auto may reboot",
		source:   terraform + "talos_machine_configuration_apply_resource.go Schema (default), handleRebootPrevention, Create",
		done:     "create an apply without a mode on a node that needs a reboot; then each mode",
		expected: "one call, without a dry run, in mode AUTO; the other modes are passed on as they are",
		test: func(t *testing.T, s *setup) {
			s.machine.set(func() { s.machine.needsReboot = true })
			state := created(s.create(applyType, s.machineInputs(nil)))
			equal(t, "calls", s.machine.asked(), []string{"Apply 10.0.0.1 AUTO"})
			equal(t, "mode", state["resolvedApplyMode"], any("auto"))
			for _, mode := range []string{"reboot", "no_reboot", "staged"} {
				s.machine.set(func() {})
				created(s.create(applyType, s.machineInputs(object{"applyMode": mode})))
				equal(t, mode, s.machine.asked(), []string{"Apply 10.0.0.1 " + strings.ToUpper(mode)})
			}
			resp := must(s.provider.Check(context.Background(), &pulumirpc.CheckRequest{Urn: urn(applyType), News: encode(s.machineInputs(object{"applyMode": "try"}))}))
			equal(t, "failures", len(resp.Failures), 1)
		},
	},
	{
		name:     "staged_if_needing_reboot falls back to auto",
		source:   terraform + "talos_machine_configuration_apply_resource.go handleRebootPrevention, dryRunNeedsReboot",
		done:     "preview and create in that mode: on a node that needs a reboot, on one that does not, on one that refuses the dry run; update without a change",
		expected: "a dry run in mode AUTO, also in a preview; then STAGED, AUTO, and AUTO; no dry run while the configuration is the same",
		test: func(t *testing.T, s *setup) {
			s.limit(t, time.Second)
			in := s.machineInputs(object{"applyMode": "staged_if_needing_reboot"})
			s.machine.set(func() { s.machine.needsReboot = true })
			equal(t, "preview", s.preview(applyType, in)["resolvedApplyMode"], any("staged"))
			equal(t, "calls of a preview", s.machine.asked(), []string{"Apply 10.0.0.1 AUTO dry run"})
			s.machine.set(func() {})
			state := created(s.create(applyType, in))
			equal(t, "needs a reboot", s.machine.asked(), []string{"Apply 10.0.0.1 AUTO dry run", "Apply 10.0.0.1 STAGED"})
			s.machine.set(func() { s.machine.needsReboot = false })
			diffs(t, s.diff(applyType, in, state))
			equal(t, "unchanged", s.machine.asked(), nil)
			created(s.create(applyType, in))
			equal(t, "needs none", s.machine.asked(), []string{"Apply 10.0.0.1 AUTO dry run", "Apply 10.0.0.1 AUTO"})
			s.machine.set(func() { s.machine.refuse = codes.Unavailable })
			equal(t, "refused", s.preview(applyType, in)["resolvedApplyMode"], any("auto"))
		},
	},
	{
		name:     "Read sees no drift",
		source:   terraform + "Read of every resource",
		done:     "refresh the state of each resource with a node that is in maintenance, that is: has lost its configuration",
		expected: "the state and the inputs as they were; the node is asked nothing",
		test: func(t *testing.T, s *setup) {
			state, in := encode(created(s.create(applyType, s.machineInputs(nil)))), encode(s.machineInputs(nil))
			s.machine.set(func() { s.machine.maintenance = true })
			for token := range resources {
				resp := must(s.provider.Read(context.Background(), &pulumirpc.ReadRequest{Id: "any", Urn: urn(token), Properties: state, Inputs: in}))
				equal(t, token, decode(resp.Properties), decode(state))
				equal(t, token+" inputs", decode(resp.Inputs), decode(in))
			}
			equal(t, "calls", s.machine.calls, nil)
		},
	},
	{
		name:     "diff compares the plan with the state",
		source:   bridge + "provider_diff.go DiffWithContext; " + framework + "server_planresourcechange.go PlanResourceChange",
		done:     "diff unchanged inputs with: the state; a state of another rendering; change a patch, the node, the mode; remove an endpoint",
		expected: "no change; an update that applies again; never a replacement; computed properties are among the changed ones",
		test: func(t *testing.T, s *setup) {
			in := s.machineInputs(nil)
			state := created(s.create(applyType, in))
			diffs(t, s.diff(applyType, in, state))
			stale := maps.Clone(state)
			stale["machineConfiguration"] = "machine: {}\n"
			diffs(t, s.diff(applyType, in, stale), "machineConfiguration")
			patched := s.machineInputs(object{"configPatches": []any{"machine: {sysctls: {a: b}}"}})
			diffs(t, s.diff(applyType, patched, state), "configPatches", "machineConfiguration", "machineConfigurationHash")
			s.machine.set(func() {})
			after := created(s.update(applyType, patched, state))
			equal(t, "calls", s.machine.asked(), []string{"Apply 10.0.0.1 AUTO"})
			equal(t, "the same", strings.Contains(text(after, "machineConfiguration"), "a: b"), true)
			diffs(t, s.diff(applyType, s.machineInputs(object{"node": "10.0.0.9"}), state), "node")
			diffs(t, s.diff(applyType, s.machineInputs(object{"applyMode": "staged"}), state), "applyMode", "resolvedApplyMode")
			diffs(t, s.diff(applyType, s.machineInputs(object{"endpoint": nil}), state), "endpoint")
			diffs(t, s.diff(applyType, s.machineInputs(object{"node": unknown}), state), "node", "resolvedApplyMode")
		},
	},
	{
		name:     "maintenance is not verified",
		source:   terraform + "util.go talosClientOp",
		done:     "apply with the certificate of another cluster, to a node in maintenance and to one that is configured",
		expected: "the node in maintenance gets the configuration, whatever its name; the configured one refuses, and that is repeated until the limit",
		test: func(t *testing.T, s *setup) {
			other := created(s.create(secretsType, object{}))
			in := s.machineInputs(object{"clientConfiguration": other["clientConfiguration"], "node": "10.0.0.7"})
			s.limit(t, 700*time.Millisecond)
			s.machine.set(func() { s.machine.maintenance = true })
			created(s.create(applyType, in))
			equal(t, "maintenance", s.machine.asked(), []string{"Apply 10.0.0.7 AUTO"})
			s.machine.set(func() { s.machine.maintenance = false })
			_, err := s.create(applyType, in)
			failed(t, err, "Error applying configuration: rpc error: code = Unavailable")
			equal(t, "configured", s.machine.asked(), nil)
		},
	},
	{
		name:     "a lowered talosVersion replaces the secrets",
		source:   terraform + "talos_machine_secrets_resource.go PlanModifyString, Update",
		done:     "change talosVersion from v1.13.2 to v1.12, v1.13, v1.13.2, v1.14; remove it",
		expected: "a replacement; a replacement; nothing; an update that keeps every secret, but whose preview makes all of them unknown; nothing",
		test: func(t *testing.T, s *setup) {
			state := created(s.create(secretsType, object{"talosVersion": "v1.13.2"}))
			all := []string{"clientConfiguration", "machineSecrets", "talosVersion"}
			for _, version := range []string{"v1.12", "v1.13", "1.13"} {
				resp := s.diff(secretsType, object{"talosVersion": version}, state)
				equal(t, version, resp.Replaces, []string{"talosVersion"})
				equal(t, version, resp.Diffs, all)
			}
			diffs(t, s.diff(secretsType, object{"talosVersion": "v1.13.2"}, state))
			diffs(t, s.diff(secretsType, object{}, state))
			diffs(t, s.diff(secretsType, object{"talosVersion": "v1.14"}, state), all...)
			resp := must(s.provider.Update(context.Background(), &pulumirpc.UpdateRequest{
				Urn: urn(secretsType), News: encode(object{"talosVersion": "v1.14"}), Olds: encode(state), Preview: true,
			}))
			equal(t, "preview", decode(resp.Properties)["machineSecrets"], any(unknown))
			after := created(s.update(secretsType, object{"talosVersion": "v1.14"}, state))
			state["talosVersion"] = "v1.14"
			equal(t, "after", after, state)
			equal(t, "default", created(s.create(secretsType, object{}))["talosVersion"], any("v1.13"))
		},
	},
	{
		name:     "only what the schema marks is secret",
		source:   "pulumiverse/pulumi-talos v0.8.1 schema.json; pulumi/pulumi-terraform-bridge v3.129.0 pkg/convert/secret.go; " + bridge + "provider_check.go, provider_invoke.go",
		done:     "walk the schema; check an apply and return its state; call a function",
		expected: "properties marked secret there, and no other, go out as secrets: patches do not; functions return none",
		test: func(t *testing.T, s *setup) {
			marked, open := map[string]bool{}, map[string]bool{}
			properties(must(unmarshal(schemas.Talos)), marked, open)
			delete(marked, "talosConfig") // of a function: see Invoke
			equal(t, "marked in the schema", slices.Sorted(maps.Keys(marked)), slices.Sorted(maps.Keys(secret)))
			for name := range secret {
				equal(t, name+" is also open", open[name], false)
			}
			in := s.machineInputs(object{"configPatches": []any{"machine: {}"}})
			resp := must(s.provider.Check(context.Background(), &pulumirpc.CheckRequest{Urn: urn(applyType), News: structured(in)}))
			equal(t, "inputs", secrets_("", resp.Inputs), []string{"clientConfiguration.clientKey", "machineConfigurationInput"})
			state := encode(created(s.create(applyType, in)))
			equal(t, "state", secrets_("", state), []string{"clientConfiguration.clientKey", "machineConfiguration", "machineConfigurationInput"})
			machineSecrets := child(s.secrets, "machineSecrets")
			answer := must(s.provider.Invoke(context.Background(), &pulumirpc.InvokeRequest{
				Tok: "talos:machine/getConfiguration:getConfiguration", Args: structured(object{
					"clusterName": "prod", "clusterEndpoint": "https://127.0.0.1:6443", "machineType": "worker", "machineSecrets": machineSecrets,
				}),
			}))
			equal(t, "function", secrets_("", answer.Return), nil)
		},
	},
	{
		name:     "a kubeconfig stays until its certificate expires",
		source:   terraform + "talos_cluster_kubeconfig_resource.go ModifyPlan, Update",
		done:     "diff and update a Kubeconfig: unchanged, with another node, 720 hours before its certificate ends, with a longer certificateRenewalDuration",
		expected: "nothing; an update that fetches none; a change without one in the program, which fetches another and keeps the ID; the same",
		test: func(t *testing.T, s *setup) {
			end := time.Now().Add(1000 * time.Hour)
			s.machine.set(func() { s.machine.kubeconfig = func() []byte { return kubeconfig(end) } })
			in := s.inputs(nil)
			state := created(s.create(kubeconfigType, in))
			equal(t, "ID", state["id"], any("prod"))
			equal(t, "renewal", state["certificateRenewalDuration"], any("720h"))
			diffs(t, s.diff(kubeconfigType, in, state))
			other := s.inputs(object{"node": "10.0.0.9"})
			diffs(t, s.diff(kubeconfigType, other, state), "node")
			s.machine.set(func() {})
			equal(t, "kept", created(s.update(kubeconfigType, other, state))["kubeconfigRaw"], state["kubeconfigRaw"])
			equal(t, "calls", s.machine.asked(), nil)
			both := []string{"kubeconfigRaw", "kubernetesClientConfiguration"}
			longer := s.inputs(object{"certificateRenewalDuration": "2000h"})
			diffs(t, s.diff(kubeconfigType, longer, state), append([]string{"certificateRenewalDuration"}, both...)...)
			s.clock(t, end.Add(-719*time.Hour))
			diffs(t, s.diff(kubeconfigType, in, state), both...)
			s.machine.set(func() { end = end.Add(time.Hour) })
			after := created(s.update(kubeconfigType, in, state))
			equal(t, "fetched", s.machine.asked(), []string{"Kubeconfig 10.0.0.1"})
			equal(t, "another", after["kubeconfigRaw"] != state["kubeconfigRaw"], true)
			equal(t, "ID", after["id"], state["id"])
		},
	},
	{
		name:     "the client certificate is renewed in its last month",
		source:   terraform + "talos_machine_secrets_resource.go ModifyPlan, Update",
		done:     "diff and update unchanged Secrets two months and 20 days before their client certificate ends",
		expected: "nothing; an update of clientConfiguration alone, by the same CA",
		test: func(t *testing.T, s *setup) {
			s.clock(t, time.Now().AddDate(1, -2, 0))
			diffs(t, s.diff(secretsType, object{}, s.secrets))
			s.clock(t, time.Now().AddDate(1, 0, -20))
			diffs(t, s.diff(secretsType, object{}, s.secrets), "clientConfiguration")
			after := created(s.update(secretsType, object{}, s.secrets))
			equal(t, "secrets", after["machineSecrets"], s.secrets["machineSecrets"])
			was, is := child(s.secrets, "clientConfiguration"), child(after, "clientConfiguration")
			equal(t, "CA", is["caCertificate"], was["caCertificate"])
			equal(t, "certificate is the same", is["clientCertificate"] == was["clientCertificate"], false)
		},
	},
	{
		name:     "deletion is a no-op without onDestroy.reset",
		source:   terraform + "talos_machine_configuration_apply_resource.go Delete; siderolabs/talos v1.13.0 cmd/talosctl/pkg/talos/action",
		done:     "delete an apply: without onDestroy; with reset; with reset and reboot; with reset of a node that sends no event",
		expected: "no call; STATE and EPHEMERAL are wiped, gracefully by default; the boot ID has to change; an error after 10 minutes (here 2 s)",
		test: func(t *testing.T, s *setup) {
			s.limit(t, 5*time.Second)
			remove := func(on object) error {
				in := s.machineInputs(nil)
				if on != nil {
					in["onDestroy"] = on
				}
				state := created(s.create(applyType, in))
				s.machine.set(func() {})
				return s.remove(applyType, state)
			}
			succeeded(t, "without", remove(nil))
			succeeded(t, "without", remove(object{"reboot": true}))
			equal(t, "calls", s.machine.asked(), nil)
			succeeded(t, "reset", remove(object{"reset": true}))
			equal(t, "calls", s.machine.asked(), []string{"Reset 10.0.0.1 graceful=true reboot=false STATE EPHEMERAL"})
			succeeded(t, "reboot", remove(object{"reset": true, "reboot": true, "graceful": false}))
			equal(t, "calls", s.machine.asked(), []string{"Reset 10.0.0.1 graceful=false reboot=true STATE EPHEMERAL"})
			s.machine.set(func() { s.machine.silent = true })
			s.limit(t, 2*time.Second)
			failed(t, remove(object{"reset": true}), "Error resetting machine: ")
		},
	},
	{
		name:     "imports ask no node",
		source:   terraform + "talos_machine_bootstrap_resource.go and talos_machine_secrets_resource.go ImportState; " + bridge + "provider_read.go importResource",
		done:     "import a Bootstrap, Secrets from a file, an apply",
		expected: "a state without a node, so that an import beside inputs does not match them; the file's secrets with talosVersion v1.3; an error",
		test: func(t *testing.T, s *setup) {
			read := func(token, id string) (*pulumirpc.ReadResponse, error) {
				return s.provider.Read(context.Background(), &pulumirpc.ReadRequest{Id: id, Urn: urn(token)})
			}
			resp := must(read(bootstrapType, "any"))
			equal(t, "ID", resp.Id, "machine_bootstrap")
			equal(t, "state", decode(resp.Properties), object{"id": "machine_bootstrap"})
			diffs(t, s.diff(bootstrapType, s.inputs(nil), decode(resp.Properties)), "clientConfiguration", "endpoint", "node")
			file := filepath.Join(t.TempDir(), "secrets.yaml")
			bundle := must(secrets.NewBundle(secrets.NewFixedClock(time.Now()), nil))
			succeeded(t, "write", os.WriteFile(file, must(yaml.Marshal(bundle)), 0o600))
			resp = must(read(secretsType, file))
			equal(t, "inputs", decode(resp.Inputs), object{"talosVersion": "v1.3"})
			equal(t, "cluster", child(decode(resp.Properties), "machineSecrets")["cluster"], any(object{"id": bundle.Cluster.ID, "secret": bundle.Cluster.Secret}))
			_, err := read(applyType, "any")
			failed(t, err, "Resource Import Not Implemented")
			equal(t, "calls", s.machine.calls, nil)
		},
	},
	{
		name:     "a changed schematic keeps its first ID",
		source:   terraform + "talos_image_factory_schematic_resource.go Schema (no UseStateForUnknown), Update; " + bridge + "provider_update.go UpdateWithContext",
		done:     "change the text of a Schematic",
		expected: "an update, not a replacement: the preview shows an unknown ID, the Image Factory gets the new one, the resource's ID cannot change",
		test: func(t *testing.T, s *setup) {
			state := created(s.create(schematicType, object{"schematic": "customization: {}"}))
			equal(t, "ID", state["id"], any("schematic-1"))
			changed := object{"schematic": "customization: {extraKernelArgs: [a]}"}
			diffs(t, s.diff(schematicType, changed, state), "id", "schematic")
			equal(t, "state", created(s.update(schematicType, changed, state))["id"], any("schematic-2"))
		},
	},
}

func TestContract(t *testing.T) {
	log.SetOutput(io.Discard) // as main does
	readme := string(must(os.ReadFile("../../../../README.md")))
	made := secretsOf(t)
	for _, row := range contract {
		t.Run(row.name, func(t *testing.T) {
			t.Logf("%s\ndone: %s\nexpected: %s", row.source, row.done, row.expected)
			if !strings.Contains(readme, "| "+row.name+" |") {
				t.Errorf("no row %q in sandbox/README.md", row.name)
			}
			row.test(t, newSetup(t, made))
		})
	}
}

// setup is a configured provider, secrets, and a machine of their cluster.
type setup struct {
	provider *provider
	machine  *machineServer
	secrets  object
}

// secretsOf a cluster take a second to make, so the rows share them.
func secretsOf(t *testing.T) object {
	t.Helper()
	return created((&setup{provider: &provider{ctx: context.Background()}}).create(secretsType, object{}))
}

func newSetup(t *testing.T, made object) *setup {
	t.Helper()
	count := 0
	factory := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet { // the client reads back what it made
			_, _ = w.Write([]byte("customization: {}"))
			return
		}
		count++
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(object{"id": fmt.Sprint("schematic-", count)})
	}))
	t.Cleanup(factory.Close)
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	s := &setup{provider: &provider{ctx: ctx, cancel: cancel}}
	must(s.provider.Configure(ctx, &pulumirpc.ConfigureRequest{Args: structured(object{"imageFactoryUrl": factory.URL})}))
	s.secrets = maps.Clone(made)
	s.machine = newMachine(t, s.secrets)
	return s
}

func (s *setup) limit(t *testing.T, limit time.Duration) {
	was := retryLimit
	retryLimit = limit
	t.Cleanup(func() { retryLimit = was })
}

func (s *setup) clock(t *testing.T, at time.Time) {
	now = func() time.Time { return at }
	t.Cleanup(func() { now = time.Now })
}

// inputs of a Bootstrap or a Kubeconfig, with changes.
func (s *setup) inputs(changes object) object {
	in := object{
		"node": "10.0.0.1", "endpoint": s.machine.address, "clientConfiguration": s.secrets["clientConfiguration"],
	}
	maps.Copy(in, changes)
	return decode(structured(in)) // drops nulls
}

// machineInputs are those of an apply.
func (s *setup) machineInputs(changes object) object {
	in := s.inputs(changes)
	in["machineConfigurationInput"] = "version: v1alpha1\nmachine: {type: worker}\ncluster: {}\n"
	return in
}

func urn(token string) string { return "urn:pulumi:test::test::" + token + "::name" }

func (s *setup) create(token string, in object) (object, error) {
	resp, err := s.provider.Create(context.Background(), &pulumirpc.CreateRequest{Urn: urn(token), Properties: structured(in)})
	return decode(resp.GetProperties()), err
}

func (s *setup) preview(token string, in object) object {
	return decode(must(s.provider.Create(context.Background(), &pulumirpc.CreateRequest{Urn: urn(token), Properties: structured(in), Preview: true})).Properties)
}

func (s *setup) update(token string, in, old object) (object, error) {
	resp, err := s.provider.Update(context.Background(), &pulumirpc.UpdateRequest{Urn: urn(token), News: structured(in), Olds: structured(old)})
	return decode(resp.GetProperties()), err
}

func (s *setup) remove(token string, old object) error {
	_, err := s.provider.Delete(context.Background(), &pulumirpc.DeleteRequest{Urn: urn(token), Properties: structured(old)})
	return err
}

func (s *setup) diff(token string, in, old object) *pulumirpc.DiffResponse {
	return must(s.provider.Diff(context.Background(), &pulumirpc.DiffRequest{Urn: urn(token), News: structured(in), Olds: structured(old)}))
}

func structured(m object) *structpb.Struct { return wire(m, false).GetStructValue() }

func created(state object, err error) object { return must(state, err) }

func failed(t *testing.T, err error, message string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), message) {
		t.Errorf("error is %v, not: %s", err, message)
	}
}

func succeeded(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Errorf("%s: %s", what, err)
	}
}

// equal compares as JSON; nothing and an empty list are the same.
func equal[T any](t *testing.T, what string, is, want T) {
	t.Helper()
	a, b := string(must(json.Marshal(is))), string(must(json.Marshal(want)))
	if a != b && (a != "[]" || b != "null") {
		t.Errorf("%s is\n%s, not\n%s", what, a, b)
	}
}

// diffs says that the properties change, without a replacement.
func diffs(t *testing.T, resp *pulumirpc.DiffResponse, names ...string) {
	t.Helper()
	equal(t, "diff", resp.Diffs, names)
	equal(t, "replaces", resp.Replaces, nil)
	want := pulumirpc.DiffResponse_DIFF_NONE
	if len(names) > 0 {
		want = pulumirpc.DiffResponse_DIFF_SOME
	}
	equal(t, "changes", resp.Changes, want)
}

// secrets_ are the paths of what is marked as secret.
func secrets_(path string, s *structpb.Struct) []string {
	var found []string
	for _, name := range slices.Sorted(maps.Keys(s.GetFields())) {
		inner := s.Fields[name].GetStructValue()
		if inner.GetFields()[signature].GetStringValue() == secretSignature {
			found = append(found, path+name)
		} else {
			found = append(found, secrets_(path+name+".", inner)...)
		}
	}
	return found
}

func unmarshal(raw []byte) (value any, err error) { return value, json.Unmarshal(raw, &value) }

// properties collects the names of a schema's properties, of those marked as secret and of the others.
func properties(schema any, marked, open map[string]bool) {
	switch schema := schema.(type) {
	case []any:
		for _, e := range schema {
			properties(e, marked, open)
		}
	case map[string]any:
		for key, value := range schema {
			if strings.Contains(key, "Wo:") { // write-only types are not in the sandbox
				continue
			}
			named, ok := value.(map[string]any)
			if key != "properties" && key != "inputProperties" || !ok {
				properties(value, marked, open)
				continue
			}
			for name, property := range named {
				if strings.HasSuffix(name, "Wo") {
					continue
				}
				if property.(map[string]any)["secret"] == true {
					marked[name] = true
				} else if property.(map[string]any)["type"] != nil {
					open[name] = true
				}
				properties(property, marked, open)
			}
		}
	}
}
