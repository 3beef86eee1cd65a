package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/resource/meta"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/cosi-project/runtime/pkg/state/impl/inmem"
	"github.com/cosi-project/runtime/pkg/state/impl/namespaced"
	"github.com/cosi-project/runtime/pkg/state/registry"
	talosconfig "github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/siderolabs/talos/pkg/machinery/extensions"
	"github.com/siderolabs/talos/pkg/machinery/resources/block"
	clusterres "github.com/siderolabs/talos/pkg/machinery/resources/cluster"
	"github.com/siderolabs/talos/pkg/machinery/resources/config"
	"github.com/siderolabs/talos/pkg/machinery/resources/k8s"
	"github.com/siderolabs/talos/pkg/machinery/resources/network"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
)

// kinds are those that can be listed, of which the last ones come and go with the configuration.
var kinds = []meta.ResourceWithRD{&runtime.ExtensionStatus{}, &runtime.MachineStatus{}, &config.MachineConfig{}, &config.MachineType{}, &network.HostnameStatus{},
	&k8s.Nodename{}, &k8s.BootstrapManifestsConfig{}, &block.VolumeStatus{}, &runtime.Diagnostic{}, &clusterres.Member{}, &runtime.KernelModuleSpec{}, &runtime.ExtensionServiceConfigStatus{}}

func (n *node) newResources() {
	n.resources = state.WrapCore(namespaced.NewState(inmem.Build))
	types := registry.NewResourceRegistry(n.resources)
	check(errors.Join(registry.NewNamespaceRegistry(n.resources).RegisterDefault(context.Background()), types.RegisterDefault(context.Background())))
	for _, r := range kinds {
		check(types.Register(context.Background(), r))
	}
	for i, name := range append(slices.Clone(n.extensions), "schematic") { // ~/pkg/controllers/runtime/extension_status.go
		r := runtime.NewExtensionStatus(runtime.NamespaceName, fmt.Sprint(i))
		*r.TypedSpec() = runtime.ExtensionStatusSpec{Image: fmt.Sprintf("%03d.%s.sqsh", i, name), Metadata: extensions.Metadata{Name: name, Version: n.disk.Version}}
		if name == "schematic" {
			r.TypedSpec().Metadata = extensions.Metadata{Name: name, Version: n.disk.Schematic, ExtraInfo: n.disk.Text}
		}
		n.put(r)
	}
}

func (n *node) put(r resource.Resource) (changed bool) {
	if old, err := n.resources.Get(context.Background(), r.Metadata()); err != nil {
		check(n.resources.Create(context.Background(), r))
	} else if !reflect.DeepEqual(old.Spec(), r.Spec()) {
		r.Metadata().SetVersion(old.Metadata().Version())
		check(n.resources.Update(context.Background(), r))
	} else {
		return false
	}
	return true
}

func (n *node) setStage(stage runtime.MachineStage) {
	n.mu.Lock()
	n.stage = stage
	n.mu.Unlock()
	n.publish()
}

// publish writes what the machine is in its resources: MachineStatus at once, the others every two seconds.
func (n *node) publish() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if r := n.machineStatus(); n.put(r) {
		n.events.machineStatus(r.TypedSpec())
	}
	if n.config == nil || time.Since(n.published) < 2*time.Second {
		return
	}
	n.published = time.Now()
	hostname, kind, nodename := network.NewHostnameStatus(network.NamespaceName, network.HostnameID), config.NewMachineType(), k8s.NewNodename(k8s.NamespaceName, k8s.NodenameID)
	hostname.TypedSpec().Hostname, nodename.TypedSpec().Nodename = n.name, n.name
	kind.SetMachineType(n.config.Machine().Type())
	manifests, ephemeral := k8s.NewBootstrapManifestsConfig(), block.NewVolumeStatus(block.NamespaceName, "EPHEMERAL")
	if manifests.TypedSpec().CNIName = "none"; n.config.K8sFlannelCNIConfig() != nil {
		manifests.TypedSpec().CNIName = "flannel"
	}
	ephemeral.TypedSpec().Phase, ephemeral.TypedSpec().Location, ephemeral.TypedSpec().Size = block.VolumePhaseReady, "/dev/vda6", uint64(max(0, n.server.Flavor.Disk-3))<<30
	wanted := []resource.Resource{config.NewMachineConfig(n.config), kind, hostname, nodename, manifests, ephemeral}
	for _, m := range n.config.KernelModuleConfigs() {
		r := runtime.NewKernelModuleSpec(runtime.NamespaceName, m.Name())
		*r.TypedSpec() = runtime.KernelModuleSpecSpec{Name: m.Name(), Parameters: m.Parameters()}
		wanted = append(wanted, r)
	}
	for _, c := range n.config.ExtensionServiceConfigs() {
		wanted = append(wanted, runtime.NewExtensionServiceConfigStatusSpec(runtime.NamespaceName, c.Name()))
	}
	for _, m := range n.members() {
		r := clusterres.NewMember(clusterres.NamespaceName, m.Hostname)
		*r.TypedSpec() = clusterres.MemberSpec{NodeID: m.UUID, Hostname: m.Hostname, Addresses: []netip.Addr{netip.MustParseAddr(m.Addresses[0])},
			MachineType: m.config.Machine().Type(), OperatingSystem: "Talos (" + n.disk.Version + ")"}
		wanted = append(wanted, r)
	}
	for _, kind := range kinds[len(kinds)-3:] {
		definition := kind.ResourceDefinition()
		for _, old := range must(n.resources.List(context.Background(), resource.NewMetadata(definition.DefaultNamespace, definition.Type, "", resource.VersionUndefined))).Items {
			if !slices.ContainsFunc(wanted, func(r resource.Resource) bool {
				return r.Metadata().Type() == old.Metadata().Type() && r.Metadata().ID() == old.Metadata().ID()
			}) {
				check(n.resources.Destroy(context.Background(), old.Metadata()))
			}
		}
	}
	for _, r := range wanted {
		n.put(r)
	}
}

// machineStatus is ~/pkg/controllers/runtime/machine_status.go.
func (n *node) machineStatus() *runtime.MachineStatus {
	r := runtime.NewMachineStatus()
	var unmet []runtime.UnmetCondition
	if n.stage == runtime.MachineStageBooting || n.stage == runtime.MachineStageRunning {
		var down []string
		for _, s := range n.services {
			if s.definition == nil && s.state != "Running" {
				down = append(down, s.id+" not running")
			} else if s.definition == nil && !s.healthy {
				down = append(down, s.id+" not healthy")
			}
		}
		if len(down) > 0 {
			unmet = append(unmet, runtime.UnmetCondition{Name: "services", Reason: strings.Join(down, ", ")})
		}
		if n.cluster.pods != "" {
			unmet = append(unmet, runtime.UnmetCondition{Name: "staticPods", Reason: n.cluster.pods})
		}
		if n.cluster.node != "" {
			unmet = append(unmet, runtime.UnmetCondition{Name: "nodeReady", Reason: n.cluster.node})
		}
	}
	*r.TypedSpec() = runtime.MachineStatusSpec{Stage: n.stage, Status: runtime.MachineStatusStatus{Ready: len(unmet) == 0, UnmetConditions: unmet}}
	return r
}

func (n *node) machineReady() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.stage == runtime.MachineStageRunning && n.machineStatus().TypedSpec().Status.Ready
}

type member struct {
	server
	config talosconfig.Provider
	read   time.Time
}

// members are the machines of the cluster, by its CA; their servers' folders stand in for the discovery service.
func (n *node) members() (list []member) {
	for _, path := range must(filepath.Glob("../*/" + stateFile)) {
		info, gone := os.Stat(path)
		m := n.known[path]
		if gone == nil && !m.read.Equal(info.ModTime()) {
			m = member{read: info.ModTime()}
			text, err := os.ReadFile(filepath.Join(path, "../../server.json"))
			raw, e := os.ReadFile(path)
			if err = errors.Join(err, e); err == nil {
				m.config, e = configloader.NewFromBytes(raw)
				err = errors.Join(e, json.Unmarshal(text, &m.server))
			}
			if err != nil || m.config.Machine() == nil { // it comes or goes
				continue
			}
			n.known[path] = m
		}
		if gone == nil && bytes.Equal(m.config.Machine().Security().IssuingCA().Crt, n.config.Machine().Security().IssuingCA().Crt) {
			list = append(list, m)
		}
	}
	return list
}

// controlPlanes are the addresses of the cluster's control planes.
func (n *node) controlPlanes() (list []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, m := range n.members() {
		if m.config.Machine().Type().IsControlPlane() {
			list = append(list, m.Addresses[0])
		}
	}
	return list
}
