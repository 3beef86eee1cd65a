// Command talosnode is a machine that runs Talos, as a process in the folder of its server: it boots what the disk holds, takes its configuration
// from the metadata service, speaks the Talos API and runs etcd, the control plane of Kubernetes and the kubelet's part of it.
// Behaviours are those of siderolabs/talos, in the files named beside them; ~ stands for internal/app/machined.
package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/cosi-project/runtime/pkg/state"
	talosconfig "github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	"github.com/siderolabs/talos/pkg/machinery/version"
	"go.yaml.in/yaml/v4"
	"google.golang.org/grpc"
)

// data is sandbox/data/talos.json.
var data struct {
	Services                      map[string]map[string][]definition // by minor and extension
	Modules, Programs             map[string][]string                // the extensions that ship one; the arguments of a program
	Kinds                         map[string]int                     // the first minor that knows such a document
	Paths                         map[string]string                  // what is there, or the module that makes it
	Readers, Operators, Immediate []string                           // calls by role; fields that Talos <= 1.13 applies without a reboot
}

// node is one boot of the machine.
type node struct {
	server           server
	disk             disk
	ip, name, bootID string
	minor            int
	extensions       []string
	resources        state.State
	machined         *grpc.ClientConn
	events           events
	console          int64 // where this boot's part of the console begins

	mu        sync.Mutex
	config    talosconfig.Provider // nil in maintenance mode
	modules   map[string]bool
	services  []*service
	stage     runtime.MachineStage
	published time.Time
	cluster   cluster
	known     map[string]member
	children  map[string]*os.Process
	programs  sync.WaitGroup
	rebooting bool
}

// server is server.json, which Nova's driver writes.
type server struct {
	UUID, Hostname, Image string
	RootVolume            string   `json:"root_volume"`
	QemuGuestAgent        bool     `json:"qemu_guest_agent"`
	Addresses             []string `json:"fixed_ips"`
	Flavor                struct{ RAM, Disk int }
}

// disk is the line at the start of the factory's disk and the schematic that follows it; Fallback is what an upgrade leaves to be reverted to.
type disk struct {
	Schematic, Version, Text string
	Label                    string `json:",omitempty"`
	Fallback                 *disk  `json:",omitempty"`
}

func env(name, otherwise string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return otherwise
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func must[T any](v T, err error) T {
	check(err)
	return v
}

// kernelLog writes lines as the kernel puts them on the console: with the seconds since boot.
type kernelLog time.Time

func (k kernelLog) Write(line []byte) (int, error) {
	return fmt.Printf("[%12.6f] [talos] %s", time.Since(time.Time(k)).Seconds(), line)
}

func main() {
	log.SetFlags(0)
	log.SetOutput(kernelLog(time.Now()))
	check(json.Unmarshal(must(os.ReadFile(os.Getenv("SANDBOX_TALOS_DATA"))), &data))
	n := &node{modules: map[string]bool{}, known: map[string]member{}, children: map[string]*os.Process{}}
	id := make([]byte, 16)
	must(rand.Read(id))
	n.bootID = fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
	if info, err := os.Stat("console.log"); err == nil {
		n.console = info.Size()
	}
	check(json.Unmarshal(must(os.ReadFile("server.json")), &n.server))
	n.ip, n.name = n.server.Addresses[0], n.server.Hostname
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() {
		<-stop
		n.stopChildren()
		os.Exit(0)
	}()
	if err := n.readDisk(); err != nil {
		log.Print("No bootable device: ", err)
		if other := os.Getenv("SANDBOX_CLOUD"); other != "" { // what is not Talos
			check(syscall.Exec("/usr/bin/python3", []string{"python3", other + "/node.py"}, os.Environ()))
		}
		select {}
	}
	n.newResources()
	for raw := n.loadConfig(); raw != nil; time.Sleep(5 * time.Second) { // ~/pkg/controllers/config/acquire.go: an error starts it anew
		err := n.accept(raw)
		if err == nil {
			break
		}
		log.Printf(`controller failed {"controller": "config.AcquireController", "error": %q}`, err)
	}
	if n.config == nil {
		log.Print("task runningMaintenance (1/1): this machine is reachable at: ", n.ip)
		n.setStage(runtime.MachineStageMaintenance)
	}
	n.serve()
	for n.configuration() == nil {
		time.Sleep(100 * time.Millisecond)
	}
	n.boot()
}

func (n *node) configuration() talosconfig.Provider {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.config
}

// readDisk boots the system; at the first boot it is a copy of Glance's image or a volume's.
func (n *node) readDisk() error {
	text, err := os.ReadFile("disk.json")
	if os.IsNotExist(err) {
		source := "images/" + n.server.Image
		if n.server.RootVolume != "" {
			source = "volumes/" + n.server.RootVolume
		}
		image, err := os.ReadFile(filepath.Join(os.Getenv("SANDBOX_STATE"), source))
		if bytes.HasPrefix(image, []byte("QFI\xfb")) && len(image) > 5<<16 { // plugins/talos/cmd/factory/disk.go
			image = image[5<<16:]
		}
		line, _, _ := bytes.Cut(image, []byte{'\n'})
		if err != nil || len(image) < 1<<16 || json.Unmarshal(line, &n.disk) != nil || n.disk.Version == "" {
			return fmt.Errorf("%s is not of Talos (%v)", source, err)
		}
		schematic, _, _ := bytes.Cut(image[4096:1<<16], []byte{0})
		n.disk.Text = string(schematic)
		text = must(json.Marshal(n.disk))
		writeFile("disk.json", text)
	}
	if err := json.Unmarshal(text, &n.disk); err != nil {
		return err
	}
	if n.minor, n.extensions, err = n.disk.system(); err != nil {
		return err
	}
	log.Print("[initramfs] booting Talos ", n.disk.Version)
	for _, name := range n.extensions {
		log.Printf("[initramfs] enabling system extension %s %s", name, n.disk.Version)
	}
	return nil
}

func (d disk) system() (minor int, extensions []string, err error) {
	var schematic struct {
		Customization struct {
			SystemExtensions struct {
				OfficialExtensions []string `yaml:"officialExtensions"`
			} `yaml:"systemExtensions"`
		}
	}
	parts := strings.Split(d.Version+".", ".")
	if minor, err = strconv.Atoi(parts[1]); err == nil {
		err = yaml.Unmarshal([]byte(d.Text), &schematic)
	}
	for _, name := range schematic.Customization.SystemExtensions.OfficialExtensions {
		extensions = append(extensions, strings.TrimPrefix(name, "siderolabs/"))
	}
	return minor, extensions, err
}

// writeFile replaces a file at once.
func writeFile(path string, text []byte) {
	check(os.MkdirAll(filepath.Dir(path), 0o700))
	check(os.WriteFile(path+".new", text, 0o600))
	check(os.Rename(path+".new", path))
}

const stateFile = "state/config.yaml"

// loadConfig reads the disk, else the metadata service (~/pkg/runtime/v1alpha1/platform/openstack, pkg/download); without user data it is nil.
func (n *node) loadConfig() []byte {
	if raw, err := os.ReadFile(stateFile); err == nil {
		return raw
	}
	url := env("SANDBOX_METADATA", "http://127.0.0.1:8775") + "/openstack/latest/user_data"
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(n.ip)}}
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, DialContext: dialer.DialContext}}
	for ; ; time.Sleep(time.Second) {
		log.Printf("fetching machine config from: %q", url)
		r, err := client.Get(url)
		if err == nil {
			raw, e := io.ReadAll(r.Body)
			r.Body.Close()
			if r.StatusCode == http.StatusNotFound || r.StatusCode == http.StatusOK && e == nil && (len(raw) == 0 || bytes.HasPrefix(raw, []byte("#cloud-config"))) {
				return nil
			} else if r.StatusCode == http.StatusOK && e == nil {
				return raw
			}
			err = fmt.Errorf("failed to download config, received %d", r.StatusCode)
		}
		log.Print(err)
	}
}

type cloudMode struct{}

func (cloudMode) String() string        { return "cloud" }
func (cloudMode) RequiresInstall() bool { return false }
func (cloudMode) InContainer() bool     { return false }

// parse judges a configuration as this version does: newer documents are unknown to it (pkg/machinery/config/decoder).
func (n *node) parse(raw []byte) (talosconfig.Provider, []string, error) {
	var document struct{ Kind string }
	for decoder := yaml.NewDecoder(bytes.NewReader(raw)); decoder.Decode(&document) == nil; document.Kind = "" {
		if data.Kinds[document.Kind] > n.minor {
			return nil, nil, fmt.Errorf("%q \"v1alpha1\": not registered", document.Kind)
		}
	}
	c, err := configloader.NewFromBytes(raw)
	if err != nil {
		return nil, nil, err
	}
	version.Tag = n.disk.Version // which Kubernetes it runs: pkg/machinery/compatibility/kubernetes_image.go
	warnings, err := c.Validate(cloudMode{})
	if err == nil && c.RawV1Alpha1() == nil {
		err = fmt.Errorf("the applied machine configuration doesn't contain v1alpha1 config, did you mean to patch the machine config instead?")
	}
	return c, warnings, err
}

// accept makes a configuration the current one and loads its modules (~/pkg/controllers/runtime/kernel_module_spec.go).
func (n *node) accept(raw []byte) error {
	c, _, err := n.parse(raw)
	if err != nil {
		return err
	}
	writeFile(stateFile, raw)
	n.mu.Lock()
	if n.config == nil {
		log.Print("machine configuration: ", c.Machine().Type())
	}
	n.config, n.cluster.apid = c, nil
	if h := c.NetworkHostnameConfig(); h != nil && h.Hostname() != "" {
		n.name = h.Hostname()
	}
	for _, m := range c.KernelModuleConfigs() {
		name := strings.ReplaceAll(m.Name(), "-", "_")
		owners, shipped := data.Modules[name]
		n.modules[name] = !shipped || slices.ContainsFunc(owners, func(e string) bool { return slices.Contains(n.extensions, e) })
		if !n.modules[name] {
			log.Printf(`controller failed {"controller": "runtime.KernelModuleSpecController", "error": "error loading module %q: module not found"}`, name)
		}
	}
	n.published = time.Time{}
	n.mu.Unlock()
	n.publish()
	return nil
}

// reboot starts the machine anew in the same process, so that Nova sees it on throughout.
func (n *node) reboot() {
	n.setStage(runtime.MachineStageRebooting)
	n.stopChildren()
	check(syscall.Exec(must(exec.LookPath(os.Args[0])), os.Args, os.Environ()))
}
