// Command pulumi-resource-talos stands in for pulumiverse/pulumi-talos 0.8.1, whose Go module cannot be had: the part of it that this package
// uses, on the same machinery library (v1.13.0). It is meant to behave as terraform-provider-talos 0.11.0 behind Pulumi's Terraform bridge,
// traps included; the upstream file is named beside each behaviour.
package main

import (
	"context"
	"fmt"
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
	// plan is the state that Terraform would show in its plan: inputs, defaults, and unknown for what is only known after the operation.
	// old is nil at creation.
	plan func(in, old object) (object, error)
	// create gets the planned state and completes it; "id" in it is the ID of the resource.
	create func(ctx context.Context, p *provider, planned object) error
	// update does the same. The ID cannot change: the bridge keeps the first one (pkg/pf/tfbridge/provider_update.go).
	update func(ctx context.Context, p *provider, planned, old object) error
	remove func(ctx context.Context, old object) error
	// replaces says which changed inputs need a new resource.
	replaces func(in, old object) []string
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

func (p *provider) Diff(_ context.Context, r *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	k, err := kind(r.Urn)
	if err != nil {
		return nil, err
	}
	resp := &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_NONE}
	in, old := decode(r.News), decode(r.OldInputs)
	names := slices.AppendSeq(slices.Collect(maps.Keys(old)), maps.Keys(in))
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if !reflect.DeepEqual(in[name], old[name]) {
			resp.Changes = pulumirpc.DiffResponse_DIFF_SOME
			resp.Diffs = append(resp.Diffs, name)
		}
	}
	if k.replaces != nil && len(resp.Diffs) > 0 {
		resp.Replaces = k.replaces(in, decode(r.Olds))
	}
	return resp, nil
}

func (p *provider) Create(ctx context.Context, r *pulumirpc.CreateRequest) (*pulumirpc.CreateResponse, error) {
	k, err := kind(r.Urn)
	if err != nil {
		return nil, err
	}
	planned, err := k.plan(decode(r.Properties), nil)
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
	planned, err := k.plan(decode(r.News), old)
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

// Read is a no-op for every resource of the provider, so drift is never seen.
func (p *provider) Read(_ context.Context, r *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	return &pulumirpc.ReadResponse{Id: r.Id, Properties: r.Properties, Inputs: r.Inputs}, nil
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

// retryLimit is the timeout of the provider's operations.
const retryLimit = 10 * time.Minute

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
	log.Fatal(server.Serve(l))
}
