package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/common"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/api/storage"
	talosconfig "github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	"go.yaml.in/yaml/v4"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const bootingStage, runningStage = runtime.MachineStageBooting, runtime.MachineStageRunning

// api is ~/internal/server/v1alpha1/v1alpha1_server.go.
type api struct {
	machine.UnimplementedMachineServiceServer
	*node
}

type disks struct {
	storage.UnimplementedStorageServiceServer
}

func (disks) Disks(context.Context, *emptypb.Empty) (*storage.DisksResponse, error) {
	return &storage.DisksResponse{Messages: []*storage.Disks{{Disks: []*storage.Disk{{DeviceName: "/dev/vda", BusPath: "/virtio", SystemDisk: true}}}}}, nil
}

func (a api) Version(context.Context, *emptypb.Empty) (*machine.VersionResponse, error) {
	return &machine.VersionResponse{Messages: []*machine.Version{{Version: &machine.VersionInfo{Tag: a.disk.Version, Os: "linux", Arch: "amd64"},
		Platform: &machine.PlatformInfo{Name: "openstack", Mode: "cloud"}, Features: &machine.FeaturesInfo{Rbac: true}}}}, nil
}

func (a api) ServiceList(context.Context, *emptypb.Empty) (*machine.ServiceListResponse, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := &machine.ServiceList{}
	for _, s := range a.services {
		list.Services = append(list.Services, &machine.ServiceInfo{Id: s.id, State: s.state, Health: s.health(),
			Events: &machine.ServiceEvents{Events: []*machine.ServiceEvent{{Msg: s.text, State: s.state, Ts: timestamppb.New(s.at)}}}})
	}
	return &machine.ServiceListResponse{Messages: []*machine.ServiceList{list}}, nil
}

// needsReboot is CanApplyImmediate in ~/pkg/runtime/v1alpha1/v1alpha1_runtime.go of Talos <= 1.13.
func needsReboot(before, after talosconfig.Provider) bool {
	bare := func(c talosconfig.Provider) (all map[string]any) {
		check(yaml.Unmarshal(must(yaml.Marshal(c.RawV1Alpha1())), &all))
		for _, path := range data.Immediate {
			parts, part := strings.Split(path, "."), all
			for _, name := range parts[:len(parts)-1] {
				part, _ = part[name].(map[string]any)
			}
			delete(part, parts[len(parts)-1])
		}
		return all
	}
	return !reflect.DeepEqual(bare(before), bare(after))
}

func (a api) ApplyConfiguration(_ context.Context, in *machine.ApplyConfigurationRequest) (*machine.ApplyConfigurationResponse, error) {
	const auto, quiet, staged = machine.ApplyConfigurationRequest_AUTO, machine.ApplyConfigurationRequest_NO_REBOOT, machine.ApplyConfigurationRequest_STAGED
	const reboot = machine.ApplyConfigurationRequest_REBOOT //nolint:staticcheck
	current, mode := a.configuration(), in.Mode
	if current == nil && a.minor <= 12 && mode != auto && mode != reboot { // internal/app/maintenance/server.go
		return nil, status.Errorf(codes.Unimplemented, "apply configuration --mode='%s' is not supported in maintenance mode", strings.ToLower(mode.String()))
	}
	wanted, warnings, err := a.parse(in.Data)
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	old := a.minor <= 13 && current != nil && needsReboot(current, wanted)
	switch {
	case mode == reboot && current != nil && a.minor >= 14:
		return nil, status.Error(codes.Unimplemented, "the REBOOT mode is not supported, please use AUTO or NO_REBOOT modes instead")
	case mode == quiet && old:
		return nil, status.Error(codes.InvalidArgument, "this config change can't be applied in immediate mode")
	case mode == auto && old:
		mode = reboot
	case mode == auto, mode == reboot && current == nil:
		mode = quiet
	}
	details := map[machine.ApplyConfigurationRequest_Mode]string{quiet: "Applied configuration without a reboot",
		reboot: "Applied configuration with a reboot", staged: "Staged configuration to be applied after the next reboot"}[mode]
	switch {
	case details == "":
		return nil, status.Errorf(codes.InvalidArgument, "incorrect mode '%s' specified for the apply config call", mode)
	case in.DryRun:
		details = "Dry run summary:\n" + details + " (skipped in dry-run)."
	case mode == quiet:
		err = a.accept(in.Data)
	default:
		if writeFile(stateFile, in.Data); mode == reboot {
			a.sequence("reboot", runtime.MachineStageRebooting, a.node.reboot)
		}
	}
	return &machine.ApplyConfigurationResponse{Messages: []*machine.ApplyConfiguration{{Mode: mode, Warnings: warnings, ModeDetails: details}}}, err
}

// sequence runs one once the call has been answered, and says so in the events of its actor.
func (n *node) sequence(name string, stage runtime.MachineStage, do func()) (actor string) {
	actor = n.server.UUID
	n.events.actor = actor
	time.AfterFunc(200*time.Millisecond, func() {
		n.events.sequence(name, true)
		n.setStage(stage)
		n.events.task("stopAllServices")
		do()
	})
	return actor
}

func (a api) Kubeconfig(_ *emptypb.Empty, s grpc.ServerStreamingServer[common.Data]) error {
	if err := a.controlPlaneOnly("kubeconfig"); err != nil {
		return err
	}
	var out bytes.Buffer
	c := a.configuration()
	text := a.kubeconfig(c.K8sAPIServerCAConfig().IssuingCA(), c.K8sClusterConfig().ClusterEndpoint().String(), "", "admin", "system:masters")
	zipped := gzip.NewWriter(&out)
	archive := tar.NewWriter(zipped)
	err := archive.WriteHeader(&tar.Header{Name: "kubeconfig", Mode: 0o600, Size: int64(len(text)), Typeflag: tar.TypeReg})
	_, e := archive.Write(text)
	return errors.Join(err, e, archive.Close(), zipped.Close(), s.Send(&common.Data{Bytes: out.Bytes()}))
}

func (a api) Reboot(context.Context, *machine.RebootRequest) (*machine.RebootResponse, error) {
	actor := a.sequence("reboot", runtime.MachineStageRebooting, a.node.reboot)
	return &machine.RebootResponse{Messages: []*machine.Reboot{{ActorId: actor}}}, nil
}

// Read has the two files of the kernel that are asked for.
func (a api) Read(in *machine.ReadRequest, s grpc.ServerStreamingServer[common.Data]) error {
	text := a.bootID + "\n"
	switch in.Path {
	case "/proc/sys/kernel/random/boot_id":
	case "/proc/modules":
		a.mu.Lock()
		defer a.mu.Unlock()
		text = ""
		for name, loaded := range a.modules {
			if loaded {
				text += name + " 16384 0 - Live 0x0000000000000000\n"
			}
		}
	default:
		return status.Errorf(codes.NotFound, "stat %s: no such file or directory", in.Path)
	}
	return s.Send(&common.Data{Bytes: []byte(text)})
}

// Dmesg is what this boot has put on the console, and what comes.
func (a api) Dmesg(in *machine.DmesgRequest, s grpc.ServerStreamingServer[common.Data]) error {
	file, err := os.Open("console.log")
	if err != nil {
		return fmt.Errorf("error opening /dev/kmsg reader: %w", err)
	}
	defer file.Close()
	if _, err = file.Seek(a.console, io.SeekStart); err == nil && in.Tail {
		_, err = file.Seek(0, io.SeekEnd)
	}
	for rest := []byte(nil); err == nil; time.Sleep(200 * time.Millisecond) {
		text, e := io.ReadAll(file)
		lines := bytes.SplitAfter(append(rest, text...), []byte{'\n'})
		rest, err = lines[len(lines)-1], e
		for _, line := range lines[:len(lines)-1] {
			err = errors.Join(err, s.Send(&common.Data{Bytes: append([]byte("user: warning: "), line...)}))
		}
		if !in.Follow || s.Context().Err() != nil {
			break
		}
	}
	return err
}

// Memory is the flavor's.
func (a api) Memory(context.Context, *emptypb.Empty) (*machine.MemoryResponse, error) {
	kib := uint64(a.server.Flavor.RAM) << 10
	return &machine.MemoryResponse{Messages: []*machine.Memory{{Meminfo: &machine.MemInfo{Memtotal: kib, Memfree: kib / 2, Memavailable: kib / 2}}}}, nil
}

func (a api) Hostname(context.Context, *emptypb.Empty) (*machine.HostnameResponse, error) {
	return &machine.HostnameResponse{Messages: []*machine.Hostname{{Hostname: a.name}}}, nil
}
