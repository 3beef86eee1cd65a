// pulumi-resource-talos: a minimal Talos resource plugin on the machinery library,
// with the tokens of pulumiverse/pulumi-talos.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"os"
	"sort"
	"strings"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

const version = "0.8.1"

type object = map[string]any

// resource is one resource type; update and remove may be nil (nothing to do).
type resource struct {
	create  func(p *Provider, ctx context.Context, in object) (id string, out object, err error)
	update  func(p *Provider, ctx context.Context, in, old object) (out object, err error)
	remove  func(p *Provider, ctx context.Context, old object) error
	replace []string // inputs whose change needs a new resource
	outputs []string // what is not known before an update
}

// secretOutputs are never shown, whatever came in.
var secretOutputs = map[string]bool{"machineSecrets": true, "clientConfiguration": true, "machineConfiguration": true, "machineConfigurationInput": true,
	"kubeconfigRaw": true, "kubernetesClientConfiguration": true, "talosConfig": true}

type Provider struct {
	pulumirpc.UnimplementedResourceProviderServer
	factory string
	ctx     context.Context
	cancel  context.CancelFunc
}

func (p *Provider) Handshake(context.Context, *pulumirpc.ProviderHandshakeRequest) (*pulumirpc.ProviderHandshakeResponse, error) {
	return &pulumirpc.ProviderHandshakeResponse{AcceptSecrets: true}, nil
}

func (p *Provider) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: version}, nil
}

func (p *Provider) GetSchema(context.Context, *pulumirpc.GetSchemaRequest) (*pulumirpc.GetSchemaResponse, error) {
	return &pulumirpc.GetSchemaResponse{Schema: `{"name":"talos","version":"` + version + `"}`}, nil
}

func (p *Provider) Attach(context.Context, *pulumirpc.PluginAttach) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

func (p *Provider) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	p.cancel()
	return &emptypb.Empty{}, nil
}

func (p *Provider) CheckConfig(_ context.Context, r *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	return &pulumirpc.CheckResponse{Inputs: r.News}, nil
}

func (p *Provider) DiffConfig(context.Context, *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	return &pulumirpc.DiffResponse{}, nil
}

func (p *Provider) Configure(_ context.Context, r *pulumirpc.ConfigureRequest) (*pulumirpc.ConfigureResponse, error) {
	p.factory = "https://factory.talos.dev"
	if u := text(decode(r.Args).value, "imageFactoryUrl"); u != "" {
		p.factory = u
	} else if u := r.Variables["talos:config:imageFactoryUrl"]; u != "" {
		p.factory = u
	}
	return &pulumirpc.ConfigureResponse{AcceptSecrets: true, SupportsPreview: true}, nil
}

func token(urn string) string {
	types := strings.Split(strings.Split(urn, "::")[2], "$")
	return types[len(types)-1]
}

func kind(urn string) (resource, error) {
	if k, ok := resources[token(urn)]; ok {
		return k, nil
	}
	return resource{}, fmt.Errorf("no such resource type: %s", token(urn))
}

func (p *Provider) Check(_ context.Context, r *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	if _, err := kind(r.Urn); err != nil {
		return nil, err
	}
	return &pulumirpc.CheckResponse{Inputs: r.News}, nil
}

func (p *Provider) Diff(_ context.Context, r *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	k, err := kind(r.Urn)
	if err != nil {
		return nil, err
	}
	resp := &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_NONE, DetailedDiff: map[string]*pulumirpc.PropertyDiff{}, HasDetailedDiff: true}
	for path, change := range diffPaths("", decode(r.OldInputs).value, decode(r.News).value) {
		resp.Changes = pulumirpc.DiffResponse_DIFF_SOME
		resp.Diffs = append(resp.Diffs, path)
		for _, f := range k.replace {
			if path == f || strings.HasPrefix(path, f+".") {
				change, resp.Replaces = pulumirpc.PropertyDiff_UPDATE_REPLACE, append(resp.Replaces, path)
			}
		}
		resp.DetailedDiff[path] = &pulumirpc.PropertyDiff{Kind: change, InputDiff: true}
	}
	sort.Strings(resp.Diffs)
	return resp, nil
}

func (p *Provider) Create(ctx context.Context, r *pulumirpc.CreateRequest) (*pulumirpc.CreateResponse, error) {
	k, err := kind(r.Urn)
	if err != nil {
		return nil, err
	}
	in := decode(r.Properties)
	if r.Preview {
		return &pulumirpc.CreateResponse{Properties: in.encode(k.preview(in.value))}, nil
	}
	ctx, stop := p.limit(ctx, r.Timeout)
	defer stop()
	id, out, err := k.create(p, ctx, in.value)
	if err != nil {
		return nil, err
	}
	return &pulumirpc.CreateResponse{Id: id, Properties: in.encode(merge(in.value, out))}, nil
}

func (k resource) preview(in object) object {
	unknown := object{}
	for _, name := range k.outputs {
		unknown[name] = unknownID
	}
	return merge(in, unknown)
}

func (p *Provider) Update(ctx context.Context, r *pulumirpc.UpdateRequest) (*pulumirpc.UpdateResponse, error) {
	k, err := kind(r.Urn)
	if err != nil {
		return nil, err
	}
	in, out := decode(r.News), decode(r.Olds).value
	if r.Preview {
		return &pulumirpc.UpdateResponse{Properties: in.encode(k.preview(in.value))}, nil
	}
	ctx, stop := p.limit(ctx, r.Timeout)
	defer stop()
	if k.update != nil {
		if out, err = k.update(p, ctx, in.value, out); err != nil {
			return nil, err
		}
	}
	return &pulumirpc.UpdateResponse{Properties: in.encode(merge(out, in.value))}, nil
}

func (p *Provider) Read(_ context.Context, r *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	return &pulumirpc.ReadResponse{Id: r.Id, Properties: r.Properties, Inputs: r.Inputs}, nil
}

func (p *Provider) Delete(ctx context.Context, r *pulumirpc.DeleteRequest) (*emptypb.Empty, error) {
	k, err := kind(r.Urn)
	if err != nil {
		return nil, err
	}
	ctx, stop := p.limit(ctx, r.Timeout)
	defer stop()
	if k.remove != nil {
		err = k.remove(p, ctx, decode(r.Properties).value)
	}
	return &emptypb.Empty{}, err
}

func (p *Provider) Invoke(ctx context.Context, r *pulumirpc.InvokeRequest) (*pulumirpc.InvokeResponse, error) {
	f, ok := functions[r.Tok]
	if !ok {
		return nil, fmt.Errorf("no such function: %s", r.Tok)
	}
	in := decode(r.Args)
	out, err := f(p, ctx, in.value)
	var bad *invalid
	if errors.As(err, &bad) {
		return &pulumirpc.InvokeResponse{Failures: []*pulumirpc.CheckFailure{{Property: bad.property, Reason: bad.Error()}}}, nil
	} else if err != nil {
		return nil, err
	}
	return &pulumirpc.InvokeResponse{Return: in.encode(merge(in.value, out))}, nil
}

type invalid struct {
	property string
	error
}

// limit ends a request at its timeout (10 minutes unless set) or when canceled.
func (p *Provider) limit(ctx context.Context, s float64) (context.Context, func()) {
	if s == 0 {
		s = 600
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(s*float64(time.Second)))
	stop := context.AfterFunc(p.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

func merge(a, b object) object {
	out := object{}
	for _, m := range []object{a, b} {
		for k, v := range m {
			out[k] = v
		}
	}
	return out
}

func text(m object, k string) string  { s, _ := m[k].(string); return s }
func child(m object, k string) object { c, _ := m[k].(object); return c }
func texts(m object, k string) []string {
	l, _ := m[k].([]any)
	var out []string
	for _, e := range l {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

func main() {
	log.SetFlags(0)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	srv := grpc.NewServer(grpc.MaxRecvMsgSize(400 << 20))
	pulumirpc.RegisterResourceProviderServer(srv, &Provider{ctx: ctx, cancel: cancel})
	fmt.Fprintln(os.Stdout, l.Addr().(*net.TCPAddr).Port)
	log.Fatal(srv.Serve(l))
}
