package main

import (
	"fmt"
	"log"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/config/config"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
)

// definition is the service of an extension.
type definition struct {
	Service string
	Ends    bool
	Depends []struct {
		Service, Path string
		Configuration bool
	}
}

type service struct {
	id, state, text string
	at              time.Time
	definition      *definition
	healthy, up     bool // up: has been, which the boot waits for
}

func (n *node) service(id string) *service {
	return n.services[slices.IndexFunc(n.services, func(s *service) bool { return s.id == id })]
}

// waits is what a service waits for: DependsOn, then Condition in ~/pkg/system/services/extension.go.
func (n *node) waits(d *definition) (services, conditions []string) {
	for _, dep := range d.Depends {
		module, there := data.Paths[dep.Path]
		there = there && (module == "" || n.modules[module]) || dep.Path == "/dev/virtio-ports/org.qemu.guest_agent.0" && n.server.QemuGuestAgent
		configured := slices.ContainsFunc(n.config.ExtensionServiceConfigs(), func(c config.ExtensionServiceConfig) bool { return "ext-"+c.Name() == d.Service })
		switch {
		case dep.Service != "" && n.service(dep.Service).state != "Running":
			services = append(services, fmt.Sprintf("service %q to be \"up\"", dep.Service))
		case dep.Path != "" && !there:
			conditions = append(conditions, fmt.Sprintf("file %q to exist", dep.Path))
		case dep.Configuration && !configured:
			conditions = append(conditions, "extension service config")
		}
	}
	return services, conditions
}

// set is UpdateState in ~/pkg/system/service_runner.go.
func (n *node) set(s *service, state, text string, healthy bool) {
	if s.state != state || s.text != text || s.healthy != healthy {
		if s.state != state || s.text != text {
			log.Printf("service[%s](%s): %s", s.id, state, text)
		}
		s.state, s.text, s.healthy, s.at = state, text, healthy, time.Now()
		n.events.service(s)
	}
	s.up = s.up || state == "Running" && (healthy || s.definition != nil) || state == "Finished"
}

func (n *node) setService(id, state, text string, healthy bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.set(n.service(id), state, text, healthy)
}

// loadServices is ~/pkg/runtime/v1alpha1/v1alpha1_sequencer.go, StartAllServices and ~/pkg/controllers/runtime/extension_service.go.
func (n *node) loadServices() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if c := n.config.K8sNodeConfig(); c == nil || !c.SkipNodeRegistration() {
		n.cluster.node = fmt.Sprintf("node %q status is not available yet", n.name)
	}
	ids := strings.Fields("apid auditd containerd cri dashboard kubelet machined syslogd udevd")
	if n.config.Machine().Type().IsControlPlane() {
		ids = append(ids, "etcd", "trustd")
	}
	for _, id := range ids {
		s := &service{id: id}
		n.services = append(n.services, s)
		if id == "etcd" {
			n.set(s, "Preparing", "Running pre state", false)
		} else {
			n.set(s, "Running", "Health check successful", true)
		}
	}
	for _, extension := range n.extensions {
		for _, d := range data.Services[fmt.Sprintf("v1.%d", n.minor)][extension] {
			n.services = append(n.services, &service{id: d.Service, definition: &d})
		}
	}
	slices.SortFunc(n.services, func(a, b *service) int { return strings.Compare(a.id, b.id) })
}

// step moves the services of extensions on and names what the boot still waits for (~/pkg/system/service_events.go).
func (n *node) step() (awaited []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	up := `"up"`
	if n.minor >= 14 {
		up = "up/finished"
	}
	for _, s := range n.services {
		if d := s.definition; d != nil && s.state != "Running" && s.state != "Finished" {
			services, conditions := n.waits(d)
			if all := append(services, conditions...); len(all) > 0 {
				n.set(s, "Waiting", "Waiting for "+strings.Join(all, ", "), false)
			} else if n.set(s, "Running", "Started task "+s.id, false); d.Ends {
				n.set(s, "Finished", "Service finished successfully", false)
			}
		}
		if !s.up {
			awaited = append(awaited, fmt.Sprintf("service %q to be %s", s.id, up))
		}
	}
	return awaited
}

// bootTimeout is pkg/machinery/constants.BootTimeout; `sandbox fault boot-timeout` shortens it for all machines, at once.
func bootTimeout() time.Duration {
	text, err := os.ReadFile(os.Getenv("SANDBOX_STATE") + "/faults/boot-timeout")
	if err != nil {
		text = []byte(env("SANDBOX_TALOS_BOOT_TIMEOUT", "70m"))
	}
	return must(time.ParseDuration(strings.TrimSpace(string(text))))
}

func (n *node) countdown() {
	for i := 10; i >= 0; i-- {
		log.Printf("rebooting in %d seconds", i)
		time.Sleep(time.Second)
	}
}

// boot is StartAllServices in ~/pkg/runtime/v1alpha1/v1alpha1_sequencer_tasks.go; what happens when it fails is in ~/main.go.
func (n *node) boot() {
	n.setStage(runtime.MachineStageBooting)
	n.events.sequence("boot", true)
	n.loadServices()
	if n.config.Machine().Type().IsControlPlane() {
		n.startEtcd(false)
	}
	go n.kubelet()
	const task = "task startAllServices (1/1): "
	log.Printf(task+"waiting for %d services", len(n.services))
	begin, said := time.Now(), time.Time{}
	for booting := true; ; time.Sleep(200 * time.Millisecond) {
		awaited := n.step()
		n.publish()
		switch {
		case !booting && n.machineReady():
			n.keep()
		case !booting:
		case len(awaited) == 0:
			booting = false
			log.Printf(task+"done, %s", time.Since(begin))
			log.Print("phase startEverything (10/10): done, ", time.Since(begin))
			log.Print("boot sequence: done: ", time.Since(begin))
			n.events.sequence("boot", false)
			n.setStage(runtime.MachineStageRunning)
		case time.Since(begin) > bootTimeout():
			log.Printf(task+"failed: %d errors occurred: context deadline exceeded", len(awaited))
			log.Print("phase startEverything (10/10): failed")
			log.Print("boot sequence: failed")
			n.revert()
			n.setStage(runtime.MachineStageRebooting)
			n.countdown()
			n.reboot()
		case time.Since(said) >= 15*time.Second:
			said = time.Now()
			log.Print(task + strings.Join(awaited, ", "))
		}
	}
}
