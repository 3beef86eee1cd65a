package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/compatibility"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

var installerImage = regexp.MustCompile(`^([^/]+)/((?:[a-z]+-)?installer(?:-secureboot)?)/([0-9a-f]{64}):(v[^/:]+)$`)

// pull reads an installer of the Image Factory: its manifest says that there is one, its schematic what it installs.
func pull(image string) (disk, error) {
	parts := installerImage.FindStringSubmatch(image)
	if parts == nil {
		return disk{}, fmt.Errorf("failed to pull image %q: this stand-in pulls HOST/[PLATFORM-]installer[-secureboot]/SCHEMATIC:VERSION only", image)
	}
	get := func(path string) ([]byte, error) {
		r, err := http.Get("http://" + parts[1] + path)
		if err != nil {
			return nil, fmt.Errorf("failed to pull image %q: %w", image, err)
		}
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		if err == nil && r.StatusCode != http.StatusOK {
			err = fmt.Errorf("failed to pull image %q: failed to resolve reference %q: %s: %s", image, image, r.Status, strings.TrimSpace(string(text)))
		}
		return text, err
	}
	if _, err := get("/v2/" + parts[2] + "/" + parts[3] + "/manifests/" + parts[4]); err != nil {
		return disk{}, err
	}
	text, err := get("/schematics/" + parts[3])
	return disk{Schematic: parts[3], Version: parts[4], Text: string(text)}, err
}

// install is cmd/installer/pkg/install: its check of versions, then the new system beside the old one, to which a failed boot goes back.
func (n *node) install(wanted disk) error {
	host, err := compatibility.ParseTalosVersion(&machine.VersionInfo{Tag: n.disk.Version})
	if err != nil {
		return err
	}
	target, err := compatibility.ParseTalosVersion(&machine.VersionInfo{Tag: wanted.Version})
	if err == nil {
		err = target.UpgradeableFrom(host)
	}
	if err != nil {
		return fmt.Errorf("pre-flight checks failed: %w", err)
	}
	old := n.disk
	old.Fallback = nil
	if wanted.Label = "B"; old.Label == "B" {
		wanted.Label = "A"
	}
	wanted.Fallback = &old
	writeFile("disk.json", must(json.Marshal(wanted)))
	return nil
}

// revert is ~/revert.go: after an upgrade that was never whole, the old system is the one to boot.
func (n *node) revert() {
	if old := n.disk.Fallback; old != nil {
		log.Printf("reverting failed upgrade, switching to %q", old.label())
		writeFile("disk.json", must(json.Marshal(old)))
	}
}

// keep is ~/pkg/controllers/runtime/drop_upgrade_fallback.go; the caller has seen the machine running and ready.
func (n *node) keep() {
	if n.disk.Fallback != nil {
		log.Print("removing fallback entry")
		n.disk.Fallback = nil
		writeFile("disk.json", must(json.Marshal(n.disk)))
	}
}

func (d disk) label() string {
	if d.Label == "" {
		return "A"
	}
	return d.Label
}

// validateEtcd is ValidateForUpgrade in internal/pkg/etcd/etcd.go.
func (n *node) validateEtcd(ctx context.Context) error {
	client, err := n.etcdClient()
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	list, err := client.MemberList(ctx)
	if err != nil {
		return err
	}
	if len(list.Members) == 2 {
		return fmt.Errorf("etcd member count(%d) is insufficient to maintain quorum if upgrade commences", len(list.Members))
	}
	for _, m := range list.Members {
		if m.Name == "" {
			return fmt.Errorf("etcd member %016x is not started, all members must be running to perform an upgrade", m.ID)
		}
		one, err := n.etcdClient(strings.TrimSuffix(strings.TrimPrefix(m.ClientURLs[0], "https://"), ":2379"))
		if err == nil {
			attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
			_, err = one.Get(clientv3.WithRequireLeader(attempt), "health")
			cancel()
			_ = one.Close()
		}
		if err != nil {
			return fmt.Errorf("etcd member %016x is not healthy; all members must be healthy to perform an upgrade: %w", m.ID, err)
		}
	}
	return nil
}

// Upgrade installs once it has answered, then boots what it installed. Newer clients use the lifecycle service and reboot by themselves.
func (a api) Upgrade(ctx context.Context, in *machine.UpgradeRequest) (*machine.UpgradeResponse, error) {
	log.Printf("upgrade request received: staged %v, force %v, reboot mode %v", in.GetStage(), in.GetForce(), in.GetRebootMode())
	log.Printf("validating %q", in.GetImage())
	wanted, err := pull(in.GetImage())
	if err != nil {
		return nil, fmt.Errorf("error validating installer image %q: %w", in.GetImage(), err)
	}
	if in.GetStage() {
		return nil, status.Error(codes.Unimplemented, "this stand-in does not stage upgrades")
	}
	if c := a.configuration(); c.Machine().Type().IsControlPlane() && !in.GetForce() && !in.GetPreserve() {
		if err = a.validateEtcd(ctx); err != nil {
			return nil, fmt.Errorf("error validating etcd for upgrade: %w", err)
		}
	}
	actor := a.sequence("upgrade", runtime.MachineStageUpgrading, func() {
		a.stopChildren()
		log.Printf("task upgrade (1/1): performing upgrade via %q", in.GetImage())
		if err := a.install(wanted); err != nil { // a failed sequence is fatal: ~/main.go
			log.Print("upgrade failed: ", err)
			a.countdown()
		} else {
			log.Print("task upgrade (1/1): upgrade successful")
		}
		a.node.reboot()
	})
	return &machine.UpgradeResponse{Messages: []*machine.Upgrade{{Ack: "Upgrade request received", ActorId: actor}}}, nil
}

// lifecycle is internal/app/lifecycle, from 1.13 on.
type lifecycle struct {
	machine.UnimplementedLifecycleServiceServer
	*node
}

func (l lifecycle) Upgrade(in *machine.LifecycleServiceUpgradeRequest, s grpc.ServerStreamingServer[machine.LifecycleServiceUpgradeResponse]) error {
	if l.minor < 13 {
		return status.Error(codes.Unimplemented, "unknown service machine.LifecycleService")
	}
	image := in.GetSource().GetImageName()
	if image == "" {
		return status.Error(codes.InvalidArgument, "installer image name is required")
	}
	send := func(progress *machine.LifecycleServiceInstallProgress) error {
		return s.Send(&machine.LifecycleServiceUpgradeResponse{Progress: progress})
	}
	wanted, err := pull(image)
	if err != nil {
		return status.Errorf(codes.Internal, "upgrade failed: %v", err)
	}
	err, code := l.install(wanted), int32(0)
	text := "installation of " + wanted.Version + " complete"
	if err != nil {
		text, code = err.Error(), 1
	}
	log.Print("upgrade progress: ", text)
	return errors.Join(send(&machine.LifecycleServiceInstallProgress{Response: &machine.LifecycleServiceInstallProgress_Message{Message: text}}),
		send(&machine.LifecycleServiceInstallProgress{Response: &machine.LifecycleServiceInstallProgress_ExitCode{ExitCode: code}}))
}

// images is internal/app/images.
type images struct {
	machine.UnimplementedImageServiceServer
	*node
}

func (i images) Pull(in *machine.ImageServicePullRequest, s grpc.ServerStreamingServer[machine.ImageServicePullResponse]) error {
	if i.minor < 13 {
		return status.Error(codes.Unimplemented, "unknown service machine.ImageService")
	}
	if _, err := pull(in.GetImageRef()); err != nil {
		return status.Error(codes.Internal, err.Error())
	}
	return s.Send(&machine.ImageServicePullResponse{Response: &machine.ImageServicePullResponse_Name{Name: in.GetImageRef()}})
}

// Reset wipes what is named of the system disk, by default all of it, which leaves nothing to boot. A wiped STATE means the original user data again.
func (a api) Reset(_ context.Context, in *machine.ResetRequest) (*machine.ResetResponse, error) {
	folders, wiped := map[string][]string{"STATE": {"state"}, "EPHEMERAL": {"etcd"}, "META": nil, "EFI": nil, "BIOS": nil, "BOOT": {"disk.json"}}, []string{"STATE", "EPHEMERAL", "BOOT"}
	if in.Mode == machine.ResetRequest_USER_DISKS {
		wiped = nil
	}
	if len(in.SystemPartitionsToWipe) > 0 {
		wiped = nil
		for _, p := range in.SystemPartitionsToWipe {
			if _, known := folders[p.Label]; !known {
				return nil, fmt.Errorf("failed to get volume status with label %q: resource VolumeStatuses.block.talos.dev(runtime/%s@undefined) doesn't exist", p.Label, p.Label)
			} else if p.Wipe {
				wiped = append(wiped, p.Label)
			}
		}
	}
	actor := a.sequence("reset", runtime.MachineStageResetting, func() {
		if in.Graceful && etcdHasData() { // LeaveEtcd in ~/pkg/runtime/v1alpha1/v1alpha1_sequencer_tasks.go
			err := errors.New("no etcd client")
			if client, e := a.etcdClient(); e == nil {
				ctx, cancel := context.WithTimeout(clientv3.WithRequireLeader(context.Background()), 5*time.Minute)
				err = a.leaveEtcd(ctx, client)
				cancel()
				_ = client.Close()
			}
			if err != nil {
				log.Print("reset failed: failed to leave cluster: ", err)
				a.countdown()
				a.node.reboot()
			}
		}
		a.stopChildren()
		for _, label := range wiped {
			for _, folder := range folders[label] {
				if check(os.RemoveAll(folder)); folder == "disk.json" {
					writeFile(folder, []byte("wiped"))
				}
			}
		}
		if !in.Reboot {
			os.Exit(0)
		}
		a.node.reboot()
	})
	return &machine.ResetResponse{Messages: []*machine.Reset{{ActorId: actor}}}, nil
}

func (a api) Shutdown(context.Context, *machine.ShutdownRequest) (*machine.ShutdownResponse, error) {
	actor := a.sequence("shutdown", runtime.MachineStageShuttingDown, func() {
		a.stopChildren()
		os.Exit(0)
	})
	return &machine.ShutdownResponse{Messages: []*machine.Shutdown{{ActorId: actor}}}, nil
}
