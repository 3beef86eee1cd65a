package main

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"log"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"go.yaml.in/yaml/v4"
)

// cluster is what the machine knows of etcd and Kubernetes.
type cluster struct {
	apid         *tls.Config
	bootstrapped bool // asked to, in this boot
	cancelJoin   context.CancelFunc
	pods, node   string // what keeps its static pods and its Node from being ready
}

// run starts a program, and again when it ends; its output is in NAME.log. The caller holds n.mu.
func (n *node) run(name string, arguments ...string) {
	c, values := n.config, map[string]string{"NAME": n.name, "IP": n.ip, "ENDPOINT": n.config.K8sClusterConfig().ClusterEndpoint().String(), "STAGES": env("SANDBOX_KWOK_STAGES", "kwok-stages.yaml")}
	if network := c.K8sNetworkConfig(); network != nil {
		values["SERVICES"], values["PODS"] = prefixes(network.ServiceCIDRs()), prefixes(network.PodCIDRs())
	}
	for _, argument := range data.Programs[name] {
		arguments = append(arguments, os.Expand(argument, func(v string) string { return values[v] }))
	}
	extra := map[string][]string{}
	switch name {
	case "etcd":
		extra = c.Cluster().Etcd().ExtraArgs()
	case "kube-apiserver":
		extra = c.K8sAPIServerConfig().ExtraArgs()
	case "kube-controller-manager":
		extra = c.K8sControllerManagerConfig().ExtraArgs()
	case "kube-scheduler":
		extra = c.K8sSchedulerConfig().ExtraArgs()
	}
	for flag, list := range extra {
		for _, value := range list {
			arguments = append(arguments, "--"+flag+"="+value)
		}
	}
	program := "kubebox"
	if name == "kwok" {
		program = name
	} else {
		arguments = append([]string{name}, arguments...)
	}
	out := must(os.Create(name + ".log"))
	n.programs.Go(func() {
		defer out.Close()
		for ; ; time.Sleep(time.Second) {
			cmd := exec.Command(program, arguments...)
			cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = out, out, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
			n.mu.Lock()
			if _, wanted := n.children[name]; n.rebooting || !wanted {
				n.mu.Unlock()
				return
			}
			check(cmd.Start())
			n.children[name] = cmd.Process
			n.mu.Unlock()
			log.Printf("%s exited: %v", name, cmd.Wait())
		}
	})
	n.children[name] = nil
}

func prefixes(list []netip.Prefix) string {
	return strings.Trim(strings.ReplaceAll(fmt.Sprint(list), " ", ","), "[]")
}

// stop ends a program for good.
func (n *node) stop(name string) {
	n.mu.Lock()
	process := n.children[name]
	delete(n.children, name)
	n.mu.Unlock()
	if process != nil {
		_ = process.Kill()
	}
}

// stopChildren ends the programs: etcd hands its leadership over; an API server whose etcd is gone would hang, so all others are killed.
func (n *node) stopChildren() {
	n.mu.Lock()
	n.rebooting = true
	for name, process := range n.children {
		if process == nil {
			continue
		} else if name == "etcd" {
			_ = process.Signal(syscall.SIGTERM)
			time.AfterFunc(2*time.Second, func() { _ = process.Kill() })
		} else {
			_ = process.Kill()
		}
	}
	n.mu.Unlock()
	n.programs.Wait()
}

// writePKI writes what etcd and the control plane read: ~/pkg/controllers/secrets.
func (n *node) writePKI() {
	c := n.configuration()
	ca, aggregator, etcd := c.K8sAPIServerCAConfig().IssuingCA(), c.K8sAggregatorCAConfig().IssuingCA(), c.Cluster().Etcd().CA()
	account, endpoint, domain := c.K8sServiceAccountConfig().IssuingKey(), c.K8sClusterConfig().ClusterEndpoint(), c.K8sNetworkConfig().DNSDomain()
	var plugins []map[string]any
	for _, p := range c.K8sAdmissionControlPluginConfigs() {
		plugins = append(plugins, map[string]any{"name": p.Name(), "configuration": p.Configuration()})
	}
	admission := map[string]any{"apiVersion": "apiserver.config.k8s.io/v1", "kind": "AdmissionConfiguration", "plugins": plugins}
	files := map[string][]byte{"ca.crt": ca.Crt, "ca.key": ca.Key, "aggregator-ca.crt": aggregator.Crt, "etcd-ca.crt": etcd.Crt, "sa.key": account.Key,
		"sa.pub": must(account.GetKey()).GetPublicKeyPEM(), "admission.yaml": must(yaml.Marshal(admission))}
	for _, name := range []string{"kube-controller-manager", "kube-scheduler"} {
		files[name+".kubeconfig"] = n.kubeconfig(ca, "https://"+n.ip+":6443", "", "system:"+name)
	}
	for name, id := range map[string]*identity{"etcd": issue(etcd, n.name, nil, n.ip, n.name, "localhost"), "etcd-client": issue(etcd, "kube-apiserver", nil),
		"front-proxy-client": issue(aggregator, "front-proxy-client", nil), "kubelet-client": issue(ca, "apiserver-kubelet-client", []string{"system:masters"}),
		"apiserver": issue(ca, "kube-apiserver", nil, append(c.K8sAPIServerConfig().CertSANs(), n.ip, n.name, endpoint.Hostname(), "127.0.0.1", "localhost", "kubernetes",
			"kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc."+domain, c.K8sNetworkConfig().ServiceCIDRs()[0].Addr().Next().String())...)} {
		files[name+".crt"], files[name+".key"] = id.Crt, id.Key
	}
	for name, text := range files {
		writeFile("pki/"+name, text)
	}
}

// startKubernetes runs the static pods of ~/pkg/controllers/k8s/control_plane_static_pod.go and watches the API server.
func (n *node) startKubernetes(ctx context.Context) {
	n.mu.Lock()
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler"} {
		n.run(name)
	}
	n.mu.Unlock()
	ca := n.configuration().K8sAPIServerCAConfig().IssuingCA()
	probe := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{TLSClientConfig: settings(issue(ca, "talos", []string{"system:masters"}), ca.Crt)}}
	for ; ctx.Err() == nil; time.Sleep(time.Second) {
		r, err := probe.Get("https://" + n.ip + ":6443/readyz")
		ready := err == nil && r.StatusCode == http.StatusOK
		if err == nil {
			r.Body.Close()
		}
		n.setPods(ready)
	}
}

// setPods says in MachineStatus whether the API server answers, in place of all static pods.
func (n *node) setPods(ready bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cluster.pods = ""; !ready {
		n.cluster.pods = "kube-system/kube-apiserver-" + n.name + " not ready"
	}
}

func (n *node) kubeconfig(ca *identity, server, serverName, user string, groups ...string) []byte {
	name, b64 := n.configuration().K8sClusterConfig().ClusterName(), base64.StdEncoding.EncodeToString
	id, context := issue(ca, user, groups), user+"@"+name
	type m = map[string]any
	return must(yaml.Marshal(m{"apiVersion": "v1", "kind": "Config", "current-context": context,
		"clusters": []m{{"name": name, "cluster": m{"server": server, "tls-server-name": serverName, "certificate-authority-data": b64(ca.Crt)}}},
		"users":    []m{{"name": context, "user": m{"client-certificate-data": b64(id.Crt), "client-key-data": b64(id.Key)}}},
		"contexts": []m{{"name": context, "context": m{"cluster": name, "user": context, "namespace": "default"}}}}))
}
