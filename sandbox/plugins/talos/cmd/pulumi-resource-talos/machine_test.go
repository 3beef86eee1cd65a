package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	stdx509 "crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/common"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/api/storage"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/emptypb"
)

// machineServer answers as the services of one Talos machine: without certificates in maintenance, else with mutual TLS.
type machineServer struct {
	machine.UnimplementedMachineServiceServer
	storage.UnimplementedStorageServiceServer
	address string

	mu sync.Mutex
	// What the machine is.
	maintenance, bootstrapped, needsReboot, silent bool
	refuse                                         codes.Code // of the next calls, if not OK
	bootID                                         string
	kubeconfig                                     func() []byte
	// What it was asked: "METHOD node" or "METHOD node argument".
	calls []string
}

// newMachine starts it with a server certificate by the cluster's CA.
func newMachine(t *testing.T, secrets object) *machineServer {
	t.Helper()
	os := child(child(child(secrets, "machineSecrets"), "certs"), "os")
	caBlock, _ := pem.Decode(unb64(os, "cert"))
	ca := must(stdx509.ParseCertificate(caBlock.Bytes))
	keyBlock, _ := pem.Decode(unb64(os, "key"))
	caKey := must(stdx509.ParsePKCS8PrivateKey(keyBlock.Bytes))
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	leaf := must(stdx509.CreateCertificate(rand.Reader, &stdx509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}, ca, &key.PublicKey, caKey))
	pool := stdx509.NewCertPool()
	pool.AddCert(ca)

	m := &machineServer{bootID: "1"}
	own := []tls.Certificate{{Certificate: [][]byte{leaf}, PrivateKey: key}}
	settings := &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		is := &tls.Config{Certificates: own, NextProtos: []string{"h2"}}
		if m.mu.Lock(); !m.maintenance {
			is.ClientCAs, is.ClientAuth = pool, tls.RequireAndVerifyClientCert
		}
		m.mu.Unlock()
		return is, nil
	}}
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	m.address = l.Addr().String()
	server := grpc.NewServer(grpc.Creds(credentials.NewTLS(settings)))
	machine.RegisterMachineServiceServer(server, m)
	storage.RegisterStorageServiceServer(server, m)
	go server.Serve(l) //nolint:errcheck
	t.Cleanup(server.Stop)
	return m
}

// set changes the machine and forgets its calls.
func (m *machineServer) set(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
	m.calls = nil
}

// asked yields the calls since the last set, without the probes for maintenance.
func (m *machineServer) asked() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(m.calls), func(call string) bool { return strings.HasPrefix(call, "Disks ") })
}

func (m *machineServer) called(ctx context.Context, call ...any) error {
	md, _ := metadata.FromIncomingContext(ctx)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls = append(m.calls, strings.TrimSpace(fmt.Sprint(call[0], " ", strings.Join(append(md["node"], md["nodes"]...), ","), " ", fmt.Sprint(call[1:]...))))
	if m.refuse != codes.OK && call[0] != "Disks" {
		return status.Error(m.refuse, "refused")
	}
	return nil
}

func (m *machineServer) Disks(ctx context.Context, _ *emptypb.Empty) (*storage.DisksResponse, error) {
	return &storage.DisksResponse{Messages: []*storage.Disks{{}}}, m.called(ctx, "Disks")
}

func (m *machineServer) ApplyConfiguration(ctx context.Context, r *machine.ApplyConfigurationRequest) (*machine.ApplyConfigurationResponse, error) {
	call := r.Mode.String()
	if r.DryRun {
		call += " dry run"
	}
	if err := m.called(ctx, "Apply", call); err != nil {
		return nil, err
	}
	answer := &machine.ApplyConfiguration{Mode: machine.ApplyConfigurationRequest_NO_REBOOT}
	if m.needsReboot {
		answer.Mode = machine.ApplyConfigurationRequest_REBOOT
	}
	return &machine.ApplyConfigurationResponse{Messages: []*machine.ApplyConfiguration{answer}}, nil
}

func (m *machineServer) Bootstrap(ctx context.Context, _ *machine.BootstrapRequest) (*machine.BootstrapResponse, error) {
	if err := m.called(ctx, "Bootstrap"); err != nil {
		return nil, err
	}
	if m.bootstrapped {
		return nil, status.Error(codes.AlreadyExists, "etcd data directory is not empty")
	}
	m.bootstrapped = true
	return &machine.BootstrapResponse{Messages: []*machine.Bootstrap{{}}}, nil
}

func (m *machineServer) Kubeconfig(_ *emptypb.Empty, stream grpc.ServerStreamingServer[common.Data]) error {
	if err := m.called(stream.Context(), "Kubeconfig"); err != nil {
		return err
	}
	var archive bytes.Buffer
	zipped := gzip.NewWriter(&archive)
	files, text := tar.NewWriter(zipped), m.kubeconfig()
	_ = files.WriteHeader(&tar.Header{Name: "kubeconfig", Size: int64(len(text)), Mode: 0o600})
	_, _ = files.Write(text)
	_, _ = files.Close(), zipped.Close()
	return stream.Send(&common.Data{Bytes: archive.Bytes()})
}

func (m *machineServer) Version(context.Context, *emptypb.Empty) (*machine.VersionResponse, error) {
	return &machine.VersionResponse{Messages: []*machine.Version{{Version: &machine.VersionInfo{Tag: "v1.13.0"}}}}, nil
}

func (m *machineServer) Read(_ *machine.ReadRequest, stream grpc.ServerStreamingServer[common.Data]) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return stream.Send(&common.Data{Bytes: []byte(m.bootID)})
}

func (m *machineServer) Reset(ctx context.Context, r *machine.ResetRequest) (*machine.ResetResponse, error) {
	labels := ""
	for _, p := range r.SystemPartitionsToWipe {
		labels += " " + p.Label
	}
	if err := m.called(ctx, "Reset", fmt.Sprintf("graceful=%t reboot=%t%s", r.Graceful, r.Reboot, labels)); err != nil {
		return nil, err
	}
	if r.Reboot {
		m.mu.Lock()
		m.bootID = "2"
		m.mu.Unlock()
	}
	return &machine.ResetResponse{Messages: []*machine.Reset{{ActorId: "actor"}}}, nil
}

// Events says, after the empty event of every stream, that the services are being stopped, unless the machine is silent.
func (m *machineServer) Events(_ *machine.EventsRequest, stream grpc.ServerStreamingServer[machine.Event]) error {
	if err := stream.Send(&machine.Event{}); err != nil {
		return err
	}
	if !m.silent {
		payload := must(anypb.New(&machine.TaskEvent{Task: "stopAllServices"}))
		payload.TypeUrl = "talos/runtime/" + string(payload.MessageName())
		if err := stream.Send(&machine.Event{ActorId: "actor", Id: "1", Data: payload}); err != nil {
			return err
		}
	}
	<-stream.Context().Done()
	return nil
}

// kubeconfig is one whose client certificate ends at the time.
func kubeconfig(end time.Time) []byte {
	key := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	template := &stdx509.Certificate{SerialNumber: big.NewInt(end.Unix()), Subject: pkix.Name{CommonName: "admin"}, NotAfter: end}
	der := must(stdx509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key))
	certificate := b64(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return fmt.Appendf(nil, `
clusters: [{name: prod, cluster: {server: "https://127.0.0.1:6443", certificate-authority-data: Y2E=}}]
users: [{name: admin@prod, user: {client-certificate-data: %s, client-key-data: a2V5}}]
`, certificate)
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
