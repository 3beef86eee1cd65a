package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"math/rand"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// etcdClient is internal/pkg/etcd/etcd.go: to these machines, without any to all control planes.
func (n *node) etcdClient(addresses ...string) (*clientv3.Client, error) {
	if len(addresses) == 0 {
		addresses = n.controlPlanes()
		rand.Shuffle(len(addresses), func(i, j int) { addresses[i], addresses[j] = addresses[j], addresses[i] })
	}
	if len(addresses) == 0 {
		return nil, errors.New("no controlplane endpoints discovered yet")
	}
	for i, address := range addresses {
		addresses[i] = "https://" + address + ":2379"
	}
	ca := n.configuration().Cluster().Etcd().CA()
	return clientv3.New(clientv3.Config{Endpoints: addresses, DialTimeout: 5 * time.Second, Logger: zap.NewNop(), TLS: settings(issue(ca, "talos", nil), ca.Crt)})
}

func etcdHasData() bool {
	entries, _ := os.ReadDir("etcd")
	return len(entries) > 0
}

// startEtcd is ~/pkg/system/services/etcd.go: with data it goes on; without, it is the first member or joins as a learner.
func (n *node) startEtcd(bootstrap bool) {
	ctx, cancel := context.WithCancel(context.Background())
	n.mu.Lock()
	if n.cluster.cancelJoin != nil {
		n.cluster.cancelJoin()
	}
	n.cluster.cancelJoin = cancel
	n.mu.Unlock()
	n.writePKI()
	go func() {
		arguments, learner := []string{}, uint64(0)
		if bootstrap {
			arguments = []string{"--initial-cluster-state=new", "--initial-cluster=" + n.name + "=https://" + n.ip + ":2380"}
		} else if !etcdHasData() {
			var initial string
			if initial, learner = n.joinEtcd(ctx); learner == 0 {
				return
			}
			arguments = []string{"--initial-cluster-state=existing", "--initial-cluster=" + initial}
		}
		n.mu.Lock()
		defer n.mu.Unlock()
		if ctx.Err() != nil {
			return
		}
		n.run("etcd", arguments...)
		if learner != 0 {
			go n.promote(ctx, learner)
		}
		go n.watchEtcd(ctx)
	}()
}

// joinEtcd is buildInitialCluster: every three seconds it tries to become a learner, until it is one or its turn is taken by a bootstrap.
func (n *node) joinEtcd(ctx context.Context) (initial string, id uint64) {
	for nagged := (time.Time{}); ctx.Err() == nil; time.Sleep(3 * time.Second) {
		if time.Since(nagged) > 30*time.Second {
			nagged = time.Now()
			log.Print("etcd is waiting to join the cluster, if this node is the first node in the cluster, please run `talosctl bootstrap` against one of the following IPs:")
			log.Printf("[%s]", n.ip)
		}
		var err error
		if initial, id, err = n.addMember(ctx); err == nil && ctx.Err() == nil {
			return initial, id
		}
	}
	return "", 0
}

func (n *node) addMember(ctx context.Context) (string, uint64, error) {
	others := slices.DeleteFunc(n.controlPlanes(), func(a string) bool { return a == n.ip })
	if len(others) == 0 {
		return "", 0, errors.New("no other control plane")
	}
	client, err := n.etcdClient(others...)
	if err != nil {
		return "", 0, err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(clientv3.WithRequireLeader(ctx), 5*time.Second)
	defer cancel()
	list, err := client.MemberList(ctx)
	if err != nil {
		return "", 0, err
	}
	for _, m := range list.Members { // without data it cannot be the one of that name
		if m.Name == n.name {
			if _, err = client.MemberRemove(ctx, m.ID); err != nil {
				return "", 0, err
			}
		}
	}
	peer, id := []string{"https://" + n.ip + ":2380"}, uint64(0)
	if added, err := client.MemberAddAsLearner(ctx, peer); err == nil {
		id = added.Member.ID
		if list, err = client.MemberList(ctx); err != nil {
			return "", 0, err
		}
	} else if errors.Is(err, rpctypes.ErrPeerURLExist) {
		for _, m := range list.Members {
			if slices.Equal(m.PeerURLs, peer) && m.IsLearner && m.Name == "" {
				id = m.ID
			}
		}
	} else {
		log.Print("retrying error: error adding member: ", err)
		return "", 0, err
	}
	var initial []string
	for _, m := range list.Members {
		name := m.Name
		if m.ID == id {
			name = n.name
		}
		for _, url := range m.PeerURLs {
			initial = append(initial, name+"="+url)
		}
	}
	return strings.Join(initial, ","), id, nil
}

// promote is promoteMember: a voter of the cluster does it, once the learner has caught up.
func (n *node) promote(ctx context.Context, id uint64) {
	for end := time.Now().Add(10 * time.Minute); ctx.Err() == nil && time.Now().Before(end); time.Sleep(2 * time.Second) {
		for _, address := range n.controlPlanes() {
			if address == n.ip {
				continue
			}
			client, err := n.etcdClient(address)
			if err == nil {
				attempt, cancel := context.WithTimeout(ctx, 2*time.Second)
				_, err = client.MemberPromote(attempt, id)
				cancel()
				_ = client.Close()
			}
			if err == nil {
				log.Print("successfully promoted etcd member")
				return
			}
		}
	}
}

// watchEtcd is its health check, a read that needs the quorum; once it is good, the static pods follow.
func (n *node) watchEtcd(ctx context.Context) {
	client, err := n.etcdClient(n.ip)
	check(err)
	defer client.Close()
	for started := false; ctx.Err() == nil; time.Sleep(time.Second) {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		_, err := client.Get(attempt, "health")
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			if !started {
				n.setPods(false)
			}
			n.setService("etcd", "Running", "Health check successful", true)
		default:
			n.setService("etcd", "Running", "Health check failed: "+err.Error(), false)
		}
		if err == nil && !started {
			started = true
			go n.startKubernetes(ctx)
		}
	}
}

// --- its calls: ~/internal/server/v1alpha1/v1alpha1_server.go ------------------------------------------------------------------------

// controlPlaneOnly is CheckControlplane in internal/app/internal/machinehelper/machinehelper.go.
func (a api) controlPlaneOnly(call string) error {
	if c := a.configuration(); c == nil || !c.Machine().Type().IsControlPlane() {
		return status.Errorf(codes.Unimplemented, "%s is only available on control plane nodes", call)
	}
	return nil
}

func (a api) Bootstrap(context.Context, *machine.BootstrapRequest) (*machine.BootstrapResponse, error) {
	log.Print("bootstrap request received")
	a.mu.Lock()
	allowed := a.stage == bootingStage || a.stage == runningStage
	a.mu.Unlock()
	if !allowed {
		return nil, status.Error(codes.FailedPrecondition, "bootstrap is not available yet")
	} else if err := a.controlPlaneOnly("bootstrap"); err != nil {
		return nil, err
	}
	a.mu.Lock()
	taken := a.cluster.bootstrapped || etcdHasData()
	a.cluster.bootstrapped = true
	a.mu.Unlock()
	if taken {
		return nil, status.Error(codes.AlreadyExists, "etcd data directory is not empty")
	}
	a.setService("etcd", "Finished", "Bootstrap requested", false)
	a.startEtcd(true)
	return &machine.BootstrapResponse{Messages: []*machine.Bootstrap{{}}}, nil
}

func (a api) EtcdMemberList(ctx context.Context, in *machine.EtcdMemberListRequest) (*machine.EtcdMemberListResponse, error) {
	var from []string
	if in.QueryLocal {
		from = []string{a.ip}
	}
	return withEtcd(ctx, a, "member list", from, func(ctx context.Context, client *clientv3.Client) (*machine.EtcdMemberListResponse, error) {
		list, err := client.MemberList(ctx)
		if err != nil {
			return nil, err
		}
		out := &machine.EtcdMembers{}
		for _, m := range list.Members {
			out.LegacyMembers = append(out.LegacyMembers, m.Name)
			out.Members = append(out.Members, &machine.EtcdMember{Id: m.ID, Hostname: m.Name, PeerUrls: m.PeerURLs, ClientUrls: m.ClientURLs, IsLearner: m.IsLearner})
		}
		return &machine.EtcdMemberListResponse{Messages: []*machine.EtcdMembers{out}}, nil
	})
}

func withEtcd[T any](ctx context.Context, a api, call string, from []string, do func(context.Context, *clientv3.Client) (T, error)) (none T, err error) {
	if err = a.controlPlaneOnly(call); err != nil {
		return none, err
	}
	client, err := a.etcdClient(from...)
	if err != nil {
		return none, fmt.Errorf("failed to create etcd client: %w", err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(clientv3.WithRequireLeader(ctx), 30*time.Second)
	defer cancel()
	return do(ctx, client)
}

func (a api) EtcdStatus(ctx context.Context, _ *emptypb.Empty) (*machine.EtcdStatusResponse, error) {
	return withEtcd(ctx, a, "etcd status", []string{a.ip}, func(ctx context.Context, client *clientv3.Client) (*machine.EtcdStatusResponse, error) {
		s, err := client.Status(ctx, "https://"+a.ip+":2379")
		if err != nil {
			return nil, fmt.Errorf("failed to query etcd status: %w", err)
		}
		return &machine.EtcdStatusResponse{Messages: []*machine.EtcdStatus{{MemberStatus: &machine.EtcdMemberStatus{MemberId: s.Header.MemberId,
			ProtocolVersion: s.Version, StorageVersion: s.StorageVersion, DbSize: s.DbSize, DbSizeInUse: s.DbSizeInUse, Leader: s.Leader, RaftIndex: s.RaftIndex,
			RaftTerm: s.RaftTerm, RaftAppliedIndex: s.RaftAppliedIndex, Errors: s.Errors, IsLearner: s.IsLearner}}}}, nil
	})
}

func (a api) EtcdRemoveMemberByID(ctx context.Context, in *machine.EtcdRemoveMemberByIDRequest) (*machine.EtcdRemoveMemberByIDResponse, error) {
	return withEtcd(ctx, a, "etcd remove member", nil, func(ctx context.Context, client *clientv3.Client) (*machine.EtcdRemoveMemberByIDResponse, error) {
		if _, err := client.MemberRemove(ctx, in.MemberId); errors.Is(err, rpctypes.ErrMemberNotFound) {
			return nil, status.Error(codes.NotFound, err.Error())
		} else if err != nil {
			return nil, fmt.Errorf("failed to remove member: %w", err)
		}
		return &machine.EtcdRemoveMemberByIDResponse{Messages: []*machine.EtcdRemoveMemberByID{{}}}, nil
	})
}

func (a api) EtcdLeaveCluster(ctx context.Context, _ *machine.EtcdLeaveClusterRequest) (*machine.EtcdLeaveClusterResponse, error) {
	return withEtcd(ctx, a, "etcd leave", nil, func(ctx context.Context, client *clientv3.Client) (*machine.EtcdLeaveClusterResponse, error) {
		if err := a.leaveEtcd(ctx, client); err != nil {
			return nil, fmt.Errorf("failed to leave cluster: %w", err)
		}
		return &machine.EtcdLeaveClusterResponse{Messages: []*machine.EtcdLeaveCluster{{}}}, nil
	})
}

// memberID is that of this machine's etcd.
func (n *node) memberID(ctx context.Context) (uint64, error) {
	client, err := n.etcdClient(n.ip)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	s, err := client.Status(ctx, "https://"+n.ip+":2379")
	if err != nil {
		return 0, err
	}
	return s.Header.MemberId, nil
}

// leaveEtcd is LeaveCluster in internal/pkg/etcd/etcd.go: the member goes, then its data.
func (n *node) leaveEtcd(ctx context.Context, client *clientv3.Client) error {
	id, err := n.memberID(ctx)
	if err == nil {
		if _, err = client.MemberRemove(ctx, id); errors.Is(err, rpctypes.ErrMemberNotFound) {
			err = nil
		}
	}
	if err != nil {
		return err
	}
	n.mu.Lock()
	n.cluster.cancelJoin()
	n.mu.Unlock()
	n.stop("etcd")
	n.setService("etcd", "Finished", "Service finished successfully", false)
	return os.RemoveAll("etcd")
}

func (a api) EtcdForfeitLeadership(ctx context.Context, _ *machine.EtcdForfeitLeadershipRequest) (*machine.EtcdForfeitLeadershipResponse, error) {
	return withEtcd(ctx, a, "etcd forfeit leadership", []string{a.ip}, func(ctx context.Context, client *clientv3.Client) (*machine.EtcdForfeitLeadershipResponse, error) {
		list, err := client.MemberList(ctx)
		if err == nil && len(list.Members) == 1 {
			err = errors.New("cannot forfeit leadership, only one member")
		}
		if err != nil {
			return nil, fmt.Errorf("failed to forfeit leadership: %w", err)
		}
		s, err := client.Status(ctx, "https://"+a.ip+":2379")
		if err != nil {
			return nil, err
		}
		out := &machine.EtcdForfeitLeadership{}
		for _, m := range list.Members {
			if s.Leader == s.Header.MemberId && m.ID != s.Leader {
				log.Printf("moving leadership from %q to %q", a.name, m.Name)
				if _, err = client.MoveLeader(ctx, m.ID); err != nil {
					return nil, fmt.Errorf("failed to forfeit leadership: %w", err)
				}
				out.Member = m.Name
				break
			}
		}
		return &machine.EtcdForfeitLeadershipResponse{Messages: []*machine.EtcdForfeitLeadership{out}}, nil
	})
}
