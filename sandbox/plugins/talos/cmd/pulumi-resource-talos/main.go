// Command pulumi-resource-talos stands in for pulumiverse/pulumi-talos 0.8.1, whose Go module cannot be had: the part of it that this package
// uses, on the same machinery library (v1.13.0). It is meant to behave as terraform-provider-talos 0.11.0 behind Pulumi's Terraform bridge
// 3.129.0, traps included; the upstream file is named beside each behaviour. What it does not have (timeouts, write-only inputs, getHealth,
// getDisks, overlays) it refuses; of upstream's diagnostics it has the errors, not the warnings.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	"pulumi-talos-openstack/sdks/schemas"
)

const version = "0.8.1"

// resource is a resource type. The functions get plain values; unknown ones are the string unknown.
type resource struct {
	// check is the provider's validation of the inputs.
	check func(in object) error
	// computed are the properties that the provider sets when the program does not; those in kept have UseStateForUnknown.
	computed, kept []string
	// defaults are the schema's; those of an object apply if there is one.
	defaults object
	// modify is ModifyPlan: it changes the planned state. old is nil at creation.
	modify func(in, old, planned object) error
	// create gets the planned state and completes it; "id" in it is the ID of the resource.
	create func(ctx context.Context, p *provider, planned object) error
	// update does the same. The ID cannot change: the engine keeps the first one (pkg/pf/tfbridge/provider_update.go returns none).
	update func(ctx context.Context, p *provider, planned, old object) error
	remove func(ctx context.Context, old object) error
	// replaces says which properties need a new resource.
	replaces func(planned, old object) []string
	// imported is ImportState: inputs and state for an import ID.
	imported func(id string) (in, state object, err error)
}

// planned is the state that Terraform would show in its plan (pkg/pf/tfbridge/provider_plan.go, and in terraform-plugin-framework 1.19.0
// internal/fwserver/server_planresourcechange.go): computed properties stay while nothing else changes; else they are unknown.
func (k resource) planned(in, old object) (object, error) {
	state := maps.Clone(in)
	for name, value := range k.defaults {
		if nested, ok := value.(object); !ok {
			setDefault(state, name, value)
		} else if child(in, name) != nil {
			state[name] = maps.Clone(nested)
			maps.Copy(child(state, name), child(in, name))
		}
	}
	computed := slices.Concat(k.computed, k.kept)
	for _, name := range computed {
		setDefault(state, name, old[name])
	}
	change := old == nil || len(changed(state, old)) > 0
	for _, name := range computed {
		if change && in[name] == nil && (old[name] == nil || !slices.Contains(k.kept, name)) {
			state[name] = unknown
		}
	}
	if k.modify != nil {
		return state, k.modify(in, old, state)
	}
	return state, nil
}

// changed are the names of the properties that differ.
func changed(a, b object) []string {
	names := slices.AppendSeq(slices.Collect(maps.Keys(a)), maps.Keys(b))
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(name string) bool { return reflect.DeepEqual(a[name], b[name]) })
}

type provider struct {
	pulumirpc.UnimplementedResourceProviderServer
	factory string
	ctx     context.Context
	cancel  context.CancelFunc
}

func (p *provider) Handshake(context.Context, *pulumirpc.ProviderHandshakeRequest) (*pulumirpc.ProviderHandshakeResponse, error) {
	return &pulumirpc.ProviderHandshakeResponse{AcceptSecrets: true}, nil
}

func (p *provider) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: version}, nil
}

func (p *provider) GetSchema(context.Context, *pulumirpc.GetSchemaRequest) (*pulumirpc.GetSchemaResponse, error) {
	return &pulumirpc.GetSchemaResponse{Schema: string(schemas.Talos)}, nil
}

func (p *provider) Attach(context.Context, *pulumirpc.PluginAttach) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

func (p *provider) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	p.cancel()
	return &emptypb.Empty{}, nil
}

func (p *provider) CheckConfig(_ context.Context, r *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	return &pulumirpc.CheckResponse{Inputs: r.News}, nil
}

func (p *provider) DiffConfig(context.Context, *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	return &pulumirpc.DiffResponse{}, nil
}

// Configure is pkg/talos/provider.go.
func (p *provider) Configure(_ context.Context, r *pulumirpc.ConfigureRequest) (*pulumirpc.ConfigureResponse, error) {
	p.factory = "https://factory.talos.dev"
	if url := text(decode(r.Args), "imageFactoryUrl"); url != "" {
		p.factory = url
	}
	return &pulumirpc.ConfigureResponse{AcceptSecrets: true, SupportsPreview: true}, nil
}

func kind(urn string) (resource, error) {
	types := strings.Split(strings.Split(urn, "::")[2], "$")
	token := types[len(types)-1]
	if k, ok := resources[token]; ok {
		return k, nil
	}
	return resource{}, fmt.Errorf("no such resource type in the sandbox: %s", token)
}

// Check validates, and marks as secret what the schema says (pkg/pf/tfbridge/provider_check.go); what the program marked stays marked.
func (p *provider) Check(_ context.Context, r *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	k, err := kind(r.Urn)
	if err != nil {
		return nil, err
	}
	in := decode(r.News)
	for name := range in {
		if name == "timeouts" || strings.HasSuffix(name, "Wo") {
			err = fmt.Errorf("%s: not in the sandbox", name)
		}
	}
	if err == nil && k.check != nil {
		err = k.check(in)
	}
	resp := &pulumirpc.CheckResponse{Inputs: mark(r.News)}
	if err != nil {
		resp.Failures = []*pulumirpc.CheckFailure{{Reason: err.Error()}}
	}
	return resp, nil
}

// Diff compares the state with the plan, not the inputs with the old ones (pkg/pf/tfbridge/provider_diff.go).
func (p *provider) Diff(_ context.Context, r *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	k, err := kind(r.Urn)
	if err != nil {
		return nil, err
	}
	old := decode(r.Olds)
	planned, err := k.planned(decode(r.News), old)
	if err != nil {
		return nil, err
	}
	resp := &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_NONE}
	if resp.Diffs = changed(planned, old); len(resp.Diffs) > 0 {
		resp.Changes = pulumirpc.DiffResponse_DIFF_SOME
		if k.replaces != nil {
			resp.Replaces = k.replaces(planned, old)
		}
	}
	return resp, nil
}

func (p *provider) Create(ctx context.Context, r *pulumirpc.CreateRequest) (*pulumirpc.CreateResponse, error) {
	k, err := kind(r.Urn)
	if err != nil {
		return nil, err
	}
	planned, err := k.planned(decode(r.Properties), nil)
	if err != nil || r.Preview {
		return &pulumirpc.CreateResponse{Properties: encode(planned)}, err
	}
	ctx, stop := p.cancelable(ctx)
	defer stop()
	if err := k.create(ctx, p, planned); err != nil {
		return nil, err
	}
	return &pulumirpc.CreateResponse{Id: text(planned, "id"), Properties: encode(planned)}, nil
}

func (p *provider) Update(ctx context.Context, r *pulumirpc.UpdateRequest) (*pulumirpc.UpdateResponse, error) {
	k, err := kind(r.Urn)
	if err != nil {
		return nil, err
	}
	old := decode(r.Olds)
	planned, err := k.planned(decode(r.News), old)
	if err != nil || r.Preview {
		return &pulumirpc.UpdateResponse{Properties: encode(planned)}, err
	}
	ctx, stop := p.cancelable(ctx)
	defer stop()
	if k.update != nil {
		if err := k.update(ctx, p, planned, old); err != nil {
			return nil, err
		}
	}
	return &pulumirpc.UpdateResponse{Properties: encode(planned)}, nil
}

// Read asks no node, whatever the resource, so drift is never seen; without a state it is an import (pkg/pf/tfbridge/provider_read.go).
func (p *provider) Read(_ context.Context, r *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	if len(r.Properties.GetFields()) > 0 {
		return &pulumirpc.ReadResponse{Id: r.Id, Properties: r.Properties, Inputs: r.Inputs}, nil
	}
	k, err := kind(r.Urn)
	if err == nil && k.imported == nil {
		err = errors.New("Resource Import Not Implemented: This resource does not support import. Please contact the provider developer for additional information.")
	}
	if err != nil {
		return nil, err
	}
	in, state, err := k.imported(r.Id)
	return &pulumirpc.ReadResponse{Id: text(state, "id"), Properties: encode(state), Inputs: encode(in)}, err
}

func (p *provider) Delete(ctx context.Context, r *pulumirpc.DeleteRequest) (*emptypb.Empty, error) {
	k, err := kind(r.Urn)
	if err == nil && k.remove != nil {
		ctx, stop := p.cancelable(ctx)
		defer stop()
		err = k.remove(ctx, decode(r.Properties))
	}
	return &emptypb.Empty{}, err
}

// Invoke returns no secrets: the bridge strips them (pkg/pf/tfbridge/provider_invoke.go).
func (p *provider) Invoke(ctx context.Context, r *pulumirpc.InvokeRequest) (*pulumirpc.InvokeResponse, error) {
	f, ok := functions[r.Tok]
	if !ok {
		return nil, fmt.Errorf("no such function in the sandbox: %s", r.Tok)
	}
	state := decode(r.Args)
	if err := f(ctx, p, state); err != nil {
		return nil, err
	}
	return &pulumirpc.InvokeResponse{Return: wire(state, false).GetStructValue()}, nil
}

func (p *provider) cancelable(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(p.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

func main() {
	log.SetFlags(0)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	server := grpc.NewServer(grpc.MaxRecvMsgSize(400 << 20))
	pulumirpc.RegisterResourceProviderServer(server, &provider{ctx: ctx, cancel: cancel})
	fmt.Println(l.Addr().(*net.TCPAddr).Port)
	go func() { // an engine that was killed cannot end its plugins
		for engine := os.Getppid(); os.Getppid() == engine; {
			time.Sleep(time.Second)
		}
		os.Exit(1)
	}()
	log.SetOutput(io.Discard) // terraform-plugin-sdk traces each try there
	_ = server.Serve(l)
}
