package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	clientconfig "github.com/siderolabs/talos/pkg/machinery/client/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
)

// What this machine does as upstream's: a row each, with upstream's file (siderolabs/talos 1.13 and 1.14; ~ is internal/app/machined).
// Real processes, etcd, API servers and the real talosctl on addresses of 127.90.0.0/16; metadata service and Image Factory are the test's.
// Does not prove: that upstream does so (it was read), the Nova driver, the data plane, kwok's pods.

const empty, zfsImage = "customization: {}\n", "customization:\n    systemExtensions:\n        officialExtensions:\n            - siderolabs/zfs\n"

var ids = map[string]string{empty: strings.Repeat("ab", 32), zfsImage: strings.Repeat("cd", 32)}

type lab struct {
	*testing.T
	dir      string
	metadata string
	userData map[string]string // by address
	servers  map[string]*exec.Cmd
}

func newLab(t *testing.T, contract string) *lab {
	for _, name := range []string{"talosctl", "kubebox", "kubectl", "kwok"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip("needs " + name + " on the path: . sandbox/env.sh")
		}
	}
	l := &lab{T: t, dir: t.TempDir(), userData: map[string]string{}, servers: map[string]*exec.Cmd{}}
	t.Setenv("TALOSCONFIG", l.dir+"/talosconfig")
	l.run(true, "go", "build", "-o", l.dir+"/talosnode", ".")
	l.run(true, "talosctl", "gen", "config", "test", "https://127.90.0.11:6443", "--talos-version", contract, "--kubernetes-version", "1.36.3",
		"--with-docs=false", "--with-examples=false", "-o", l.dir)
	listener := must(net.Listen("tcp", "127.90.0.1:0"))
	l.metadata = listener.Addr().String()
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { //nolint:errcheck
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		switch parts := strings.Split(r.URL.Path, "/"); {
		case parts[1] == "v2" && parts[5] != "v1.14.9": // the factory's
		case parts[1] == "schematics":
			for text, id := range ids {
				if id == parts[2] {
					_, _ = io.WriteString(w, text)
				}
			}
		case parts[1] == "openstack" && l.userData[host] != "":
			_, _ = w.Write(must(os.ReadFile(l.dir + "/" + l.userData[host])))
		default:
			http.NotFound(w, r)
		}
	}))
	check(os.MkdirAll(l.dir+"/images", 0o700))
	check(os.MkdirAll(l.dir+"/faults", 0o700))
	for text, id := range ids {
		for _, version := range []string{"v1.13.9", "v1.14.1"} {
			image := make([]byte, 1<<20)
			copy(image, fmt.Sprintf("{\"schematic\":%q,\"version\":%q}\n", id, version))
			copy(image[4096:], text)
			check(os.WriteFile(l.dir+"/images/"+id[:2]+version, image, 0o600))
		}
	}
	t.Cleanup(func() {
		for name := range l.servers {
			l.stop(name)
		}
	})
	return l
}

func (l *lab) run(want bool, args ...string) string {
	l.Helper()
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if (err == nil) != want {
		l.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

// until repeats a command until its output has the text.
func (l *lab) until(text string, args ...string) {
	l.Helper()
	var out []byte
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if out, _ = exec.Command(args[0], args[1:]...).CombinedOutput(); strings.Contains(string(out), text) {
			return
		}
	}
	l.Fatalf("%v: no %q in\n%s", args, text, out)
}

// patch makes a configuration from one by a patch.
func (l *lab) patch(from, to, patch string) {
	check(os.WriteFile(l.dir+"/patch.yaml", []byte(patch), 0o600))
	l.run(true, "talosctl", "machineconfig", "patch", l.dir+"/"+from, "-p", "@"+l.dir+"/patch.yaml", "-o", l.dir+"/"+to)
}

// start is a server that Nova starts; image is the first letters of a schematic and a version.
func (l *lab) start(name, ip, image, userData string) {
	folder := filepath.Join(l.dir, "nodes", name)
	check(os.MkdirAll(folder, 0o700))
	check(os.WriteFile(folder+"/server.json", must(json.Marshal(map[string]any{"uuid": name, "hostname": name, "image": image, "fixed_ips": []string{ip},
		"flavor": map[string]any{"ram": 2048, "disk": 10}})), 0o600))
	l.userData[ip] = userData
	console := must(os.OpenFile(folder+"/console.log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600))
	cmd := exec.Command(l.dir + "/talosnode")
	cmd.Dir, cmd.Stdout, cmd.Stderr = folder, console, console
	cmd.Env = append(os.Environ(), "SANDBOX_STATE="+l.dir, "SANDBOX_CLOUD=", "SANDBOX_TALOS_DATA="+must(filepath.Abs("../../../../data/talos.json")),
		"SANDBOX_METADATA=http://"+l.metadata, "SANDBOX_KWOK_STAGES="+filepath.Dir(must(exec.LookPath("kwok")))+"/kwok-stages.yaml")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // as Nova's driver, which signals the group
	check(cmd.Start())
	l.servers[name] = cmd
}

func (l *lab) stop(name string) {
	_ = syscall.Kill(-l.servers[name].Process.Pid, syscall.SIGTERM)
	_ = l.servers[name].Wait()
}

func (l *lab) console(name string) string {
	return string(must(os.ReadFile(filepath.Join(l.dir, "nodes", name, "console.log"))))
}

func (l *lab) has(name, text string) {
	l.Helper()
	for end := time.Now().Add(60 * time.Second); !strings.Contains(l.console(name), text); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			l.Fatalf("%s: no %q on the console:\n%s", name, text, l.console(name))
		}
	}
}

// talosctl asks a machine through the first control plane.
func talosctl(node string, args ...string) []string {
	return append([]string{"talosctl", "-e", "127.90.0.11", "-n", "127.90.0." + node}, args...)
}

func (l *lab) timeout(text string) {
	check(os.WriteFile(l.dir+"/faults/boot-timeout", []byte(text), 0o600))
}

func TestMachine(t *testing.T) {
	l := newLab(t, "v1.13")
	l.patch("worker.yaml", "zfs.yaml", "machine: {kernel: {modules: [{name: zfs}]}}")
	l.patch("zfs.yaml", "files.yaml", "machine: {files: [{path: /var/x, content: x, op: create, permissions: 420}]}")
	newer := append(must(os.ReadFile(l.dir+"/zfs.yaml")), []byte("---\napiVersion: v1alpha1\nkind: KernelModuleConfig\nname: drbd\n")...)
	check(os.WriteFile(l.dir+"/newer.yaml", newer, 0o600))
	l.start("cp-1", "127.90.0.11", "abv1.13.9", "controlplane.yaml")
	l.start("storage", "127.90.0.31", "cdv1.13.9", "worker.yaml")
	l.start("bare", "127.90.0.41", "abv1.13.9", "")

	row := func(name string, do func(*lab)) {
		t.Run(name, func(t *testing.T) {
			one := *l
			one.T = t
			do(&one)
		})
	}
	row("not bootstrapped, a control plane waits in its boot: ~/pkg/system/services/etcd.go", func(l *lab) {
		l.has("cp-1", "etcd is waiting to join the cluster, if this node is the first node in the cluster, please run `talosctl bootstrap` against one of the following IPs:")
		l.until("booting", talosctl("11", "get", "machinestatus")...)
	})
	row("an extension's service that waits keeps the boot from ending: ~/pkg/runtime/v1alpha1/v1alpha1_sequencer_tasks.go", func(l *lab) {
		l.until(`Waiting for file "/dev/zfs" to exist`, talosctl("31", "services")...)
		l.until("booting", talosctl("31", "get", "machinestatus")...)
		l.has("storage", `task startAllServices (1/1): service "ext-zfs-service" to be "up"`)
		l.until("schematic   "+ids[zfsImage], talosctl("31", "get", "extensions")...)
	})
	row("its module, applied live, starts it: ~/pkg/controllers/runtime/kernel_module_spec.go", func(l *lab) {
		l.run(true, talosctl("31", "apply-config", "-f", l.dir+"/zfs.yaml", "-m", "no-reboot")...)
		l.until("running", talosctl("31", "get", "machinestatus")...)
		l.until("ext-zfs-service   Running", talosctl("31", "services")...)
		l.until("string: zfs", talosctl("31", "get", "kernelmodulespecs", "-o", "yaml")...)
		l.until("zfs ", talosctl("31", "read", "/proc/modules")...)
	})
	row("documents of a later version are not registered: pkg/machinery/config/decoder", func(l *lab) {
		if out := l.run(false, talosctl("31", "apply-config", "-f", l.dir+"/newer.yaml")...); !strings.Contains(out, "not registered") {
			l.Error(out)
		}
	})
	row("up to 1.13 auto reboots for what cannot be applied live, and no-reboot refuses it: ~/pkg/runtime/v1alpha1/v1alpha1_runtime.go", func(l *lab) {
		if out := l.run(false, talosctl("31", "apply-config", "-f", l.dir+"/files.yaml", "-m", "no-reboot")...); !strings.Contains(out, "this config change can't be applied in immediate mode") {
			l.Error(out)
		}
		l.run(true, talosctl("31", "apply-config", "-f", l.dir+"/files.yaml")...)
		for end := time.Now().Add(20 * time.Second); strings.Count(l.console("storage"), "booting Talos") < 2 && time.Now().Before(end); {
			time.Sleep(100 * time.Millisecond)
		}
		l.until("running", talosctl("31", "get", "machinestatus")...)
		if n := strings.Count(l.console("storage"), "booting Talos"); n != 2 {
			l.Error("boots: ", n)
		}
	})
	row("without user data: maintenance mode, for anyone; readers' calls and apply only: internal/app/maintenance", func(l *lab) {
		bare := []string{"talosctl", "-e", "127.90.0.41", "-n", "127.90.0.41"}
		l.until("maintenance", append(bare, "get", "machinestatus", "--insecure")...)
		l.run(false, append(bare, "reboot", "--insecure", "--wait=false")...)
		l.run(true, append(bare, "apply-config", "--insecure", "-f", l.dir+"/worker.yaml")...)
		l.until("running", talosctl("41", "get", "machinestatus")...)
		l.run(false, append(bare, "get", "machinestatus", "--insecure")...)
	})
	row("a worker forwards no request: internal/app/apid/pkg/director", func(l *lab) {
		if out := l.run(false, "talosctl", "-e", "127.90.0.41", "-n", "127.90.0.31", "version"); !strings.Contains(out, "no request forwarding") {
			l.Error(out)
		}
	})
	row("a reader reads neither configurations nor files, and changes nothing: ~/pkg/system/services/machined.go", func(l *lab) {
		ca := must(configloader.NewFromFile(l.dir + "/controlplane.yaml")).Machine().Security().IssuingCA()
		check(clientconfig.NewConfig("reader", nil, ca.Crt, issue(ca, "", []string{"os:reader"})).Save(l.dir + "/reader"))
		reader := append([]string{"talosctl", "--talosconfig", l.dir + "/reader"}, talosctl("31")[1:]...)
		l.run(true, append(reader, "services")...)
		for _, call := range [][]string{{"get", "machineconfig"}, {"read", "/proc/modules"}, {"reboot", "--wait=false"}} {
			if out := l.run(false, append(reader, call...)...); !strings.Contains(out, "PermissionDenied") {
				l.Error(call, out)
			}
		}
	})
	row("bootstrap is refused by a worker and by who has an etcd: ~/internal/server/v1alpha1/v1alpha1_server.go", func(l *lab) {
		if out := l.run(false, talosctl("31", "bootstrap")...); !strings.Contains(out, "code = Unimplemented desc = bootstrap is only available on control plane nodes") {
			l.Error(out)
		}
		l.run(true, talosctl("11", "bootstrap")...)
		if out := l.run(false, talosctl("11", "bootstrap")...); !strings.Contains(out, "code = AlreadyExists desc = etcd data directory is not empty") {
			l.Error(out)
		}
		l.until("running", talosctl("11", "get", "machinestatus")...)
	})
	kubectl := func(args ...string) []string {
		return append([]string{"kubectl", "--kubeconfig", l.dir + "/kubeconfig"}, args...)
	}
	row("other control planes join as learners and are promoted: ~/pkg/system/services/etcd.go", func(l *lab) {
		l.start("cp-2", "127.90.0.12", "abv1.13.9", "controlplane.yaml")
		l.start("cp-3", "127.90.0.13", "abv1.13.9", "controlplane.yaml")
		l.has("cp-2", "successfully promoted etcd member")
		l.has("cp-3", "successfully promoted etcd member")
		if out := l.run(true, talosctl("12", "etcd", "members")...); strings.Count(out, " false") != 3 {
			l.Error(out)
		}
		l.run(true, talosctl("12", "kubeconfig", l.dir+"/kubeconfig")...)
		for _, address := range []string{"11", "12", "13"} {
			l.until("ok", kubectl("--server=https://127.90.0."+address+":6443", "get", "--raw", "/readyz")...)
		}
	})
	row("Nodes have the configuration's labels, those of extensions and a control plane's taint: ~/pkg/controllers/k8s/node_apply.go", func(l *lab) {
		for _, name := range []string{"cp-1", "cp-2", "cp-3", "storage", "bare"} {
			l.until("True", kubectl("get", "node", name, "-o", `jsonpath={.status.conditions[?(@.type=="Ready")].status}`)...)
		}
		l.until("v1.13.9", kubectl("get", "node", "storage", "-o", `jsonpath={.metadata.labels.extensions\.talos\.dev/zfs}`)...)
		l.until("node-role.kubernetes.io/control-plane", kubectl("get", "node", "cp-2", "-o", "jsonpath={.spec.taints[*].key}")...)
	})
	row("a killed machine comes back with its etcd, and the others have gone on: etcd", func(l *lab) {
		check(l.servers["cp-3"].Process.Kill())
		_ = l.servers["cp-3"].Wait()
		l.run(true, kubectl("--server=https://127.90.0.12:6443", "create", "namespace", "while-away")...)
		l.start("cp-3", "127.90.0.13", "abv1.13.9", "controlplane.yaml")
		l.until("while-away", kubectl("--server=https://127.90.0.13:6443", "get", "namespaces")...)
	})
	row("all control planes go off and on: etcd", func(l *lab) {
		for _, name := range []string{"cp-1", "cp-2", "cp-3"} {
			l.stop(name)
		}
		for i, name := range []string{"cp-1", "cp-2", "cp-3"} {
			l.start(name, fmt.Sprintf("127.90.0.1%d", i+1), "abv1.13.9", "controlplane.yaml")
		}
		l.until("while-away", kubectl("--server=https://127.90.0.12:6443", "get", "namespaces")...)
		l.until("running   true", talosctl("11", "get", "machinestatus")...)
	})
	installer := func(schematic, version string) string {
		return l.metadata + "/openstack-installer/" + ids[schematic] + ":" + version
	}
	row("an installer that is not there is refused, the machine goes on: ~/internal/server/v1alpha1/v1alpha1_server.go", func(l *lab) {
		if out := l.run(false, talosctl("41", "upgrade", "--legacy", "--wait=false", "--image", installer(empty, "v1.14.9"))...); !strings.Contains(out, "error validating installer image") {
			l.Error(out)
		}
	})
	row("an upgrade whose boot does not end within the time-out is reverted: ~/revert.go, ~/main.go", func(l *lab) {
		l.timeout("3s")
		l.run(true, talosctl("41", "upgrade", "--legacy", "--wait=false", "--image", installer(zfsImage, "v1.13.9"))...)
		l.has("bare", `reverting failed upgrade, switching to "A"`)
		l.timeout("70m")
		l.has("bare", "rebooting in 0 seconds")
		l.until("schematic   "+ids[empty], talosctl("41", "get", "extensions")...)
		l.until("running", talosctl("41", "get", "machinestatus")...)
		if strings.Contains(l.run(true, talosctl("41", "get", "extensions")...), "zfs") {
			l.Error("the extension stayed")
		}
	})
	row("an upgrade whose boot ends stays, with what was staged: ~/pkg/controllers/runtime/drop_upgrade_fallback.go", func(l *lab) {
		l.run(true, talosctl("41", "apply-config", "-f", l.dir+"/zfs.yaml", "-m", "staged")...)
		l.run(true, talosctl("41", "upgrade", "--drain=false", "--timeout=60s", "--image", installer(zfsImage, "v1.14.1"))...)
		l.has("bare", "removing fallback entry")
		l.until("ext-zfs-service   Running", talosctl("41", "services")...)
		l.until("v1.14.1", talosctl("41", "version", "--short")...)
	})
	row("1.14 has no mode reboot: ~/internal/server/v1alpha1/v1alpha1_server.go", func(l *lab) {
		if out := l.run(false, talosctl("41", "apply-config", "-f", l.dir+"/zfs.yaml", "-m", "reboot")...); !strings.Contains(out, "reboot") {
			l.Error(out)
		}
	})
	row("a fresh system whose boot fails begins anew, for ever: ~/main.go", func(l *lab) {
		l.timeout("2s")
		l.start("loop", "127.90.0.42", "cdv1.13.9", "worker.yaml")
		for end := time.Now().Add(40 * time.Second); strings.Count(l.console("loop"), "booting Talos") < 2; time.Sleep(200 * time.Millisecond) {
			if time.Now().After(end) {
				l.Fatal(l.console("loop"))
			}
		}
		l.timeout("70m")
		if strings.Contains(l.console("loop"), "reverting") {
			l.Error(l.console("loop"))
		}
	})
	row("a wiped STATE means the original user data: ~/pkg/controllers/config/acquire.go", func(l *lab) {
		l.run(true, talosctl("31", "reset", "--system-labels-to-wipe=STATE", "--reboot", "--graceful=false", "--wait=false")...)
		l.until(`Waiting for file "/dev/zfs" to exist`, talosctl("31", "services")...)
	})
	row("a graceful reset leaves etcd: ~/pkg/runtime/v1alpha1/v1alpha1_sequencer.go", func(l *lab) {
		l.run(true, talosctl("13", "reset", "--system-labels-to-wipe=EPHEMERAL", "--reboot", "--wait=false")...)
		l.has("cp-3", "service[etcd](Finished): Service finished successfully")
		for end := time.Now().Add(60 * time.Second); strings.Count(l.console("cp-3"), "successfully promoted etcd member") < 2; time.Sleep(200 * time.Millisecond) {
			if time.Now().After(end) {
				l.Fatal(l.console("cp-3"))
			}
		}
	})
}

func TestCNI(t *testing.T) {
	l := newLab(t, "v1.13")
	l.patch("controlplane.yaml", "cilium.yaml", "cluster: {network: {cni: {name: none}}, allowSchedulingOnControlPlanes: true, externalCloudProvider: {enabled: true}}")
	l.start("cp-1", "127.90.0.11", "abv1.13.9", "cilium.yaml")
	l.until("booting", talosctl("11", "get", "machinestatus")...)
	l.run(true, talosctl("11", "bootstrap")...)
	l.until("", talosctl("11", "kubeconfig", l.dir+"/kubeconfig", "--force")...)
	kubectl := func(args ...string) []string {
		return append([]string{"kubectl", "--kubeconfig", l.dir + "/kubeconfig"}, args...)
	}
	const condition = `jsonpath={.status.conditions[?(@.type=="Ready")].status} {.status.conditions[?(@.type=="Ready")].message}`
	l.until("False container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized",
		kubectl("get", "node", "cp-1", "-o", condition)...)
	l.until("node.cloudprovider.kubernetes.io/uninitialized", kubectl("get", "node", "cp-1", "-o", "jsonpath={.spec.taints[*].key}")...)
	if id := l.run(true, kubectl("get", "node", "cp-1", "-o", "jsonpath={.spec.providerID}")...); id != "" {
		t.Error("providerID is the cloud controller manager's to set: ", id)
	}
	check(os.WriteFile(l.dir+"/cni.yaml", []byte(`{"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "cilium", "namespace": "kube-system"}, "spec": {
		"selector": {"matchLabels": {"k8s-app": "cilium"}}, "template": {"metadata": {"labels": {"k8s-app": "cilium"}}, "spec": {"hostNetwork": true,
		"tolerations": [{"operator": "Exists"}], "containers": [{"name": "agent", "image": "cilium"}], "volumes": [{"name": "cni", "hostPath": {"path": "/etc/cni/net.d"}}]}}}}`), 0o600))
	l.until("daemonset", kubectl("apply", "-f", l.dir+"/cni.yaml")...)
	l.until("True kubelet is posting ready status", kubectl("get", "node", "cp-1", "-o", condition)...)
}

// The configurations of 1.14 have a document for each part.
func TestDocuments(t *testing.T) {
	l := newLab(t, "v1.14")
	l.start("cp-1", "127.90.0.11", "abv1.14.1", "controlplane.yaml")
	l.start("old", "127.90.0.41", "abv1.13.9", "worker.yaml")
	l.has("old", "not registered")
	l.until("booting", talosctl("11", "get", "machinestatus")...)
	l.run(true, talosctl("11", "bootstrap")...)
	l.until("running   true", talosctl("11", "get", "machinestatus")...)
	l.start("storage", "127.90.0.31", "cdv1.14.1", "worker.yaml")
	l.until(`Waiting for file "/dev/zfs" to exist`, talosctl("31", "services")...)
	zfs := append(must(os.ReadFile(l.dir+"/worker.yaml")), []byte("---\napiVersion: v1alpha1\nkind: KernelModuleConfig\nname: zfs\n")...)
	check(os.WriteFile(l.dir+"/zfs.yaml", zfs, 0o600))
	l.run(true, talosctl("31", "apply-config", "-f", l.dir+"/zfs.yaml")...)
	l.until("running   true", talosctl("31", "get", "machinestatus")...)
}
