// What np-guard's netpol-analyzer says to flows: {"objects": [...], "flows": [...]} on standard input, a
// JSON list with an answer for each flow on standard output. Ends of flows are `namespace/pod` or addresses.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"

	"github.com/np-guard/netpol-analyzer/pkg/netpol/eval"
	corev1 "k8s.io/api/core/v1"
	netv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

type question struct {
	Objects []json.RawMessage `json:"objects"`
	Flows   []struct {
		From     string `json:"from"`
		To       string `json:"to"`
		Protocol string `json:"protocol"`
		Port     int    `json:"port"`
	} `json:"flows"`
}

func main() {
	if err := evaluate(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func evaluate() error {
	var asked question
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		return err
	}
	engine := eval.NewPolicyEngine()
	for _, written := range asked.Objects {
		object, err := parse(written)
		if err != nil {
			return err
		}
		if err := engine.UpsertObject(object); err != nil {
			return err
		}
	}
	answers := []bool{}
	for _, flow := range asked.Flows {
		allowed, err := engine.CheckIfAllowed(flow.From, flow.To, flow.Protocol, strconv.Itoa(flow.Port))
		if err != nil {
			return err
		}
		answers = append(answers, allowed)
	}
	return json.NewEncoder(os.Stdout).Encode(answers)
}

func parse(written json.RawMessage) (runtime.Object, error) {
	var head struct {
		Kind string `json:"kind"`
	}
	if err := json.Unmarshal(written, &head); err != nil {
		return nil, err
	}
	var object runtime.Object
	switch head.Kind {
	case "Namespace":
		object = &corev1.Namespace{}
	case "Pod":
		object = &corev1.Pod{}
	case "NetworkPolicy":
		object = &netv1.NetworkPolicy{}
	default:
		return nil, fmt.Errorf("no kind %q is known here", head.Kind)
	}
	return object, json.Unmarshal(written, object)
}
