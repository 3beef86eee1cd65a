package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"math/rand"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/labels"
)

// object is one of Kubernetes'.
type object = map[string]any

// kubePrism is ~/pkg/controllers/k8s/kubeprism.go: a way to an API server that lives, here on the machine's own address.
func (n *node) kubePrism(port int) {
	listener := must(net.Listen("tcp", fmt.Sprintf("%s:%d", n.ip, port)))
	for {
		client := must(listener.Accept())
		go func() {
			defer client.Close()
			addresses := n.controlPlanes()
			rand.Shuffle(len(addresses), func(i, j int) { addresses[i], addresses[j] = addresses[j], addresses[i] })
			for _, address := range addresses {
				server, err := net.DialTimeout("tcp", address+":6443", 2*time.Second)
				if err != nil {
					continue
				}
				defer server.Close()
				go func() {
					_, _ = io.Copy(server, client)
					server.Close()
				}()
				_, _ = io.Copy(client, server)
				return
			}
		}()
	}
}

// kubelet is its part that others see: it registers the Node, says what it is and when the network is ready; its pods and its lease are kwok's.
func (n *node) kubelet() {
	c := n.configuration()
	if c.K8sNodeConfig() != nil && c.K8sNodeConfig().SkipNodeRegistration() {
		return
	}
	server, name := c.K8sClusterConfig().ClusterEndpoint().String(), ""
	if prism := c.K8sKubePrismConfig(); prism != nil {
		server, name = fmt.Sprintf("https://%s:%d", n.ip, prism.Port()), "localhost"
		go n.kubePrism(prism.Port())
	}
	ca := n.kubernetesCA()
	as := func(user, group string) *http.Client {
		tls := settings(issue(ca, user, []string{group}), ca.Crt)
		tls.ServerName = name
		return &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: tls, DisableKeepAlives: true}}
	}
	kubelet := as("system:node:"+n.name, "system:nodes") // signed by the controller-manager on a CSR, here at once
	talos := kubelet
	if c.Machine().Type().IsControlPlane() { // getK8sClient in ~/pkg/controllers/k8s/node_apply.go
		talos = as("admin", "system:masters")
	}
	call := func(client *http.Client, method, path string, in any) (out object, code int, err error) {
		request := must(http.NewRequest(method, server+path, bytes.NewReader(must(json.Marshal(in)))))
		request.Header.Set("Content-Type", map[bool]string{true: "application/strategic-merge-patch+json", false: "application/json"}[method == "PATCH"])
		r, err := client.Do(request)
		if err != nil {
			return nil, 0, err
		}
		defer r.Body.Close()
		if err = json.NewDecoder(r.Body).Decode(&out); err == nil && r.StatusCode >= 300 {
			err = fmt.Errorf("%s %s: %v", method, path, out["message"])
		}
		return out, r.StatusCode, err
	}
	const nodes = "/api/v1/nodes"
	said, running := "", false
	for ; ; time.Sleep(2 * time.Second) {
		node, code, err := call(kubelet, "GET", nodes+"/"+n.name, nil)
		if code == http.StatusNotFound {
			node, _, err = call(kubelet, "POST", nodes, n.newNode())
		}
		if err == nil {
			if !running {
				running = true
				writeFile("pki/kwok.kubeconfig", n.kubeconfig(ca, server, name, "kwok", "system:masters"))
				n.mu.Lock()
				n.run("kwok")
				n.mu.Unlock()
			}
			if wanted := n.applyNode(node); wanted != nil {
				if _, code, err = call(talos, "PUT", nodes+"/"+n.name, wanted); code == http.StatusConflict {
					err = nil // the next turn
				}
			}
			var pods object
			if err == nil {
				pods, _, err = call(kubelet, "GET", "/api/v1/pods?fieldSelector=spec.nodeName="+n.name, nil)
			}
			if status := n.nodeStatus(node, pods); err == nil && status != nil {
				_, _, err = call(kubelet, "PATCH", nodes+"/"+n.name+"/status", object{"status": status})
			}
			for _, pod := range n.missingPods(node, pods) {
				if err == nil {
					_, _, err = call(kubelet, "POST", "/api/v1/namespaces/kube-system/pods", pod)
				}
			}
		}
		n.mu.Lock()
		switch {
		case err != nil:
			n.cluster.node = fmt.Sprintf("node %q status is not available yet", n.name)
			if err.Error() != said && code != 0 {
				log.Print("kubelet: ", err)
			}
			said = err.Error()
		case ready(node)["status"] != "True":
			n.cluster.node = fmt.Sprintf("node %q is not ready", n.name)
		default:
			n.cluster.node = ""
		}
		n.mu.Unlock()
	}
}

// kubernetesCA waits for a control plane, which has the key.
func (n *node) kubernetesCA() *identity {
	for ; ; time.Sleep(time.Second) {
		n.mu.Lock()
		members := n.members()
		n.mu.Unlock()
		for _, m := range members {
			if m.config.Machine().Type().IsControlPlane() {
				return m.config.K8sAPIServerCAConfig().IssuingCA()
			}
		}
	}
}

func (n *node) newNode() object {
	taints := []object{}
	c := n.configuration()
	if c.Cluster().ExternalCloudProvider().Enabled() { // the kubelet's --cloud-provider=external
		taints = append(taints, object{"key": "node.cloudprovider.kubernetes.io/uninitialized", "value": "true", "effect": "NoSchedule"})
	}
	if c.Machine().Type().IsControlPlane() && c.K8sNodeConfig() != nil { // registerWithTaints in ~/pkg/controllers/k8s/kubelet_spec.go
		for key, text := range c.K8sNodeConfig().Taints() {
			value, effect := labels.ParseTaint(text)
			taints = append(taints, object{"key": key, "value": value, "effect": effect})
		}
	}
	return object{"apiVersion": "v1", "kind": "Node", "spec": object{"taints": taints},
		"metadata": object{"name": n.name, "labels": object{"kubernetes.io/hostname": n.name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}}}
}

// missingPods are those by which the kubelet shows static pods, as far as they are not there.
func (n *node) missingPods(node, pods object) (missing []object) {
	c := n.configuration()
	if !c.Machine().Type().IsControlPlane() {
		return nil
	}
	items, _ := pods["items"].([]any)
	for name, image := range map[string]string{"kube-apiserver": c.K8sAPIServerConfig().Image(), "kube-controller-manager": c.K8sControllerManagerConfig().Image(),
		"kube-scheduler": c.K8sSchedulerConfig().Image()} {
		metadata := object{"name": name + "-" + n.name, "namespace": "kube-system", "labels": object{"k8s-app": name, "tier": "control-plane"},
			"annotations":     object{"kubernetes.io/config.mirror": name, "kubernetes.io/config.source": "http"},
			"ownerReferences": []object{{"apiVersion": "v1", "kind": "Node", "name": n.name, "controller": true, "uid": node["metadata"].(object)["uid"]}}}
		if !slices.ContainsFunc(items, func(pod any) bool { return pod.(object)["metadata"].(object)["name"] == metadata["name"] }) {
			missing = append(missing, object{"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": object{"nodeName": n.name, "hostNetwork": true,
				"priorityClassName": "system-cluster-critical", "tolerations": []object{{"effect": "NoExecute", "operator": "Exists"}},
				"containers": []object{{"name": name, "image": image}}}})
		}
	}
	return missing
}

func ready(node object) object {
	status, _ := node["status"].(object)
	conditions, _ := status["conditions"].([]any)
	for _, c := range conditions {
		if c := c.(object); c["type"] == "Ready" {
			return c
		}
	}
	return object{}
}

// nodeStatus is what the Node's status lacks, or nil: setters of pkg/kubelet/nodestatus in Kubernetes.
func (n *node) nodeStatus(node, pods object) object {
	wanted := object{"type": "Ready", "status": "True", "reason": "KubeletReady", "message": "kubelet is posting ready status"}
	if !n.flannel() && !hasCNI(pods) {
		wanted = object{"type": "Ready", "status": "False", "reason": "KubeletNotReady", "message": "container runtime network not ready: " +
			"NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: cni plugin not initialized"}
	}
	image := n.configuration().K8sKubeletConfig().Image()
	info := object{"architecture": "amd64", "bootID": n.bootID, "containerRuntimeVersion": "containerd://2.1.4", "kernelVersion": "6.12.0-talos", "kubeProxyVersion": "",
		"kubeletVersion": image[strings.LastIndex(image, ":")+1:], "machineID": n.server.UUID, "operatingSystem": "linux", "osImage": "Talos (" + n.disk.Version + ")", "systemUUID": n.server.UUID}
	status, _ := node["status"].(object)
	if is := ready(node); is["status"] == wanted["status"] && is["reason"] == wanted["reason"] && reflect.DeepEqual(status["nodeInfo"].(object)["bootID"], info["bootID"]) {
		return nil
	} else if now := time.Now().UTC().Format(time.RFC3339); is["status"] != wanted["status"] {
		wanted["lastTransitionTime"], wanted["lastHeartbeatTime"] = now, now
	} else {
		wanted["lastHeartbeatTime"] = now
	}
	room := object{"cpu": "4", "memory": "8Gi", "pods": "110", "ephemeral-storage": "20Gi"}
	return object{"conditions": []object{wanted}, "nodeInfo": info, "capacity": room, "allocatable": room,
		"addresses": []object{{"type": "InternalIP", "address": n.ip}, {"type": "Hostname", "address": n.name}}}
}

// flannel says whether a control plane has it: they bring it to all nodes, here unseen.
func (n *node) flannel() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.ContainsFunc(n.members(), func(m member) bool {
		return m.config.Machine().Type().IsControlPlane() && m.config.K8sFlannelCNIConfig() != nil
	})
}

// hasCNI: a pod runs here that has the host's /etc/cni/net.d, where a CNI puts its configuration.
func hasCNI(pods object) bool {
	items, _ := pods["items"].([]any)
	return slices.ContainsFunc(items, func(pod any) bool {
		spec, _ := pod.(object)["spec"].(object)
		status, _ := pod.(object)["status"].(object)
		volumes, _ := spec["volumes"].([]any)
		return status["phase"] == "Running" && slices.ContainsFunc(volumes, func(v any) bool {
			host, _ := v.(object)["hostPath"].(object)
			path, _ := host["path"].(string)
			return strings.HasPrefix(path, "/etc/cni")
		})
	})
}

// applyNode is ~/pkg/controllers/k8s/node_apply.go: labels, annotations and taints of the configuration, or nil when the Node has them.
func (n *node) applyNode(node object) object {
	const prefix, suffixLabels, suffixAnnotations, suffixTaints = "talos.dev/owned-", "labels", "annotations", "taints"
	c := n.configuration().K8sNodeConfig()
	if c == nil {
		return nil
	}
	before := string(must(json.Marshal(node)))
	metadata := node["metadata"].(object)
	annotations, _ := metadata["annotations"].(object)
	if annotations == nil {
		annotations = object{}
		metadata["annotations"] = annotations
	}
	kv := func(suffix string, have object, want map[string]string) {
		var owned, now []string
		text, _ := annotations[prefix+suffix].(string)
		_ = json.Unmarshal([]byte(text), &owned)
		for key, value := range want {
			if is, exists := have[key]; !exists || is == value || slices.Contains(owned, key) {
				have[key] = value
				now = append(now, key)
			}
		}
		for _, key := range owned {
			if _, wanted := want[key]; !wanted {
				delete(have, key)
			}
		}
		if slices.Sort(now); len(now) > 0 {
			annotations[prefix+suffix] = string(must(json.Marshal(now)))
		} else {
			delete(annotations, prefix+suffix)
		}
	}
	wantedLabels := map[string]string{}
	for key, value := range c.Labels() {
		wantedLabels[key] = value
	}
	for _, name := range n.extensions { // ~/pkg/controllers/k8s/node_label_spec.go
		wantedLabels["extensions.talos.dev/"+name] = n.disk.Version
	}
	kv(suffixLabels, metadata["labels"].(object), wantedLabels)
	wantedAnnotations := map[string]string{"extensions.talos.dev/schematic": n.disk.Schematic}
	for key, value := range c.Annotations() {
		wantedAnnotations[key] = value
	}
	kv(suffixAnnotations, annotations, wantedAnnotations)
	spec := node["spec"].(object)
	list, _ := spec["taints"].([]any)
	taints := object{}
	for _, t := range list {
		t := t.(object)
		value, _ := t["value"].(string)
		taints[t["key"].(string)] = fmt.Sprint(value, ":", t["effect"])
	}
	wantedTaints := map[string]string{}
	for key, text := range c.Taints() {
		value, effect := labels.ParseTaint(text)
		wantedTaints[key] = value + ":" + effect
	}
	kv(suffixTaints, taints, wantedTaints)
	result := []any{}
	for _, t := range list { // those that stay, as they are
		t := t.(object)
		value, _ := t["value"].(string)
		if taints[t["key"].(string)] == fmt.Sprint(value, ":", t["effect"]) {
			result = append(result, t)
			delete(taints, t["key"].(string))
		}
	}
	for key, text := range taints {
		value, effect, _ := strings.Cut(text.(string), ":")
		result = append(result, object{"key": key, "value": value, "effect": effect})
	}
	if spec["taints"] = result; len(result) == 0 {
		delete(spec, "taints")
	}
	if string(must(json.Marshal(node))) == before {
		return nil
	}
	return node
}
