package main

import (
	"context"
	"crypto/tls"
	stdx509 "crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/cosi-project/runtime/api/v1alpha1"
	"github.com/cosi-project/runtime/pkg/state"
	cosi "github.com/cosi-project/runtime/pkg/state/protobuf/server"
	"github.com/siderolabs/crypto/x509"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/api/storage"
	"github.com/siderolabs/talos/pkg/machinery/resources/config"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// identity is a certificate with its key.
type identity = x509.PEMEncodedCertificateAndKey

func issue(ca *identity, cn string, orgs []string, sans ...string) *identity {
	var ips []net.IP
	for _, s := range sans {
		if ip := net.ParseIP(s); ip != nil {
			ips = append(ips, ip)
		}
	}
	return x509.NewCertificateAndKeyFromKeyPair(must(x509.NewKeyPair(must(x509.NewCertificateAuthorityFromCertificateAndKey(ca)),
		x509.CommonName(cn), x509.Organization(orgs...), x509.NotAfter(time.Now().Add(365*24*time.Hour)), x509.IPAddresses(ips), x509.DNSNames(sans),
		x509.KeyUsage(stdx509.KeyUsageDigitalSignature|stdx509.KeyUsageKeyEncipherment),
		x509.ExtKeyUsage([]stdx509.ExtKeyUsage{stdx509.ExtKeyUsageServerAuth, stdx509.ExtKeyUsageClientAuth}))))
}

func settings(id *identity, ca []byte) *tls.Config {
	pool := stdx509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	return &tls.Config{Certificates: []tls.Certificate{must(tls.X509KeyPair(id.Crt, id.Key))}, RootCAs: pool, ClientCAs: pool}
}

// serverTLS is maintenance mode's own certificate, or mTLS of the machine CA. A worker's is signed by a control plane, here without trustd.
func (n *node) serverTLS(*tls.ClientHelloInfo) (*tls.Config, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.config == nil {
		ca := x509.NewCertificateAndKeyFromCertificateAuthority(must(x509.NewSelfSignedCertificateAuthority()))
		c := settings(issue(ca, "maintenance-service.talos.dev", nil, n.ip), nil)
		c.NextProtos = []string{"h2"}
		return c, nil
	}
	if n.cluster.apid == nil {
		for _, m := range n.members() {
			if ca := m.config.Machine().Security().IssuingCA(); len(ca.Key) > 0 {
				n.cluster.apid = settings(issue(ca, n.name, nil, append(n.config.Machine().Security().CertSANs(), n.ip, n.name)...), ca.Crt)
				n.cluster.apid.ClientAuth, n.cluster.apid.NextProtos = tls.RequireAndVerifyClientCert, []string{"h2"}
				return n.cluster.apid, nil
			}
		}
		return nil, errors.New("no control plane signs the certificate yet")
	}
	return n.cluster.apid, nil
}

// route is ~/pkg/system/services/machined.go (roles) and internal/app/apid/pkg/director; it passes messages on as they are.
func (n *node) route(_ any, s grpc.ServerStream) error {
	method, _ := grpc.MethodFromServerStream(s)
	p, _ := peer.FromContext(s.Context())
	md, _ := metadata.FromIncomingContext(s.Context())
	verb, conn, denied := method[strings.LastIndex(method, "/")+1:], n.machined, status.Error(codes.PermissionDenied, "not authorized")
	reads, certificates := slices.Contains(data.Readers, verb), p.AuthInfo.(credentials.TLSInfo).State.PeerCertificates
	roles := []string{"os:reader"}
	if c := n.configuration(); len(certificates) == 0 { // maintenance mode: for anyone, while it lasts; `node` is not looked at
		if c != nil || !reads && verb != "ApplyConfiguration" {
			return denied
		}
	} else {
		roles = certificates[0].Subject.Organization
		target := append(md.Get("node"), md.Get("nodes")...)
		if slices.Contains(roles, "os:impersonator") { // pkg/grpc/middleware/authz/injector.go
			roles = md.Get("talos-role")
		} else if len(target) > 1 {
			return status.Error(codes.Unimplemented, "this stand-in answers for one node a call")
		} else if ca := c.Machine().Security().IssuingCA(); len(target) == 1 && target[0] != n.ip {
			if len(ca.Key) == 0 {
				return status.Error(codes.PermissionDenied, "no request forwarding")
			}
			creds := credentials.NewTLS(settings(issue(ca, n.name, []string{"os:impersonator"}), ca.Crt))
			conn = must(grpc.NewClient(net.JoinHostPort(target[0], "50000"), grpc.WithTransportCredentials(creds)))
			defer conn.Close()
		}
		operator := slices.Contains(roles, "os:operator") && (reads || slices.Contains(data.Operators, verb))
		if conn == n.machined && !slices.Contains(roles, "os:admin") && !operator && !(slices.Contains(roles, "os:reader") && reads) {
			return denied // of another machine: that one decides
		}
	}
	message := &emptypb.Empty{} // keeps what it does not know
	client, err := conn.NewStream(metadata.NewOutgoingContext(s.Context(), metadata.MD{"talos-role": roles}), &grpc.StreamDesc{ServerStreams: true}, method)
	if err == nil {
		err = errors.Join(s.RecvMsg(message), client.SendMsg(message), client.CloseSend())
	}
	for err == nil {
		if err = client.RecvMsg(message); err == nil {
			err = s.SendMsg(message)
		}
	}
	if err == io.EOF {
		return nil
	}
	return err
}

func (n *node) serve() {
	_ = os.Remove("machine.sock")
	machined := grpc.NewServer()
	machine.RegisterMachineServiceServer(machined, api{node: n})
	machine.RegisterLifecycleServiceServer(machined, lifecycle{node: n})
	machine.RegisterImageServiceServer(machined, images{node: n})
	storage.RegisterStorageServiceServer(machined, disks{})
	v1alpha1.RegisterStateServer(machined, cosi.NewState(state.WrapCore(state.Filter(n.resources, func(ctx context.Context, a state.Access) error {
		md, _ := metadata.FromIncomingContext(ctx)
		if !a.Verb.Readonly() || a.ResourceType == config.MachineConfigType && !slices.Contains(md.Get("talos-role"), "os:admin") { // internal/app/resources
			return status.Error(codes.PermissionDenied, "not authorized")
		}
		return nil
	}))))
	n.machined = must(grpc.NewClient("unix:machine.sock", grpc.WithTransportCredentials(insecure.NewCredentials())))
	apid := grpc.NewServer(grpc.Creds(credentials.NewTLS(&tls.Config{GetConfigForClient: n.serverTLS})), grpc.UnknownServiceHandler(n.route))
	local, outside := must(net.Listen("unix", "machine.sock")), must(net.Listen("tcp", n.ip+":50000"))
	go func() { check(machined.Serve(local)) }()
	go func() { check(apid.Serve(outside)) }()
}
