// What Cilium's own policy engine says to flows: {"objects": [...], "flows": [...]} on standard input, a
// JSON list with an answer for each flow on standard output.
package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"sync"

	"github.com/cilium/cilium/pkg/crypto/certificatemanager"
	envoypolicy "github.com/cilium/cilium/pkg/envoy/policy"
	"github.com/cilium/cilium/pkg/identity"
	"github.com/cilium/cilium/pkg/identity/identitymanager"
	"github.com/cilium/cilium/pkg/k8s"
	v2 "github.com/cilium/cilium/pkg/k8s/apis/cilium.io/v2"
	slim "github.com/cilium/cilium/pkg/k8s/slim/k8s/api/networking/v1"
	"github.com/cilium/cilium/pkg/labels"
	"github.com/cilium/cilium/pkg/policy"
	"github.com/cilium/cilium/pkg/policy/types"
	"github.com/cilium/cilium/pkg/policy/utils"
	testcertificatemanager "github.com/cilium/cilium/pkg/testutils/certificatemanager"
	testpolicy "github.com/cilium/cilium/pkg/testutils/policy"
	"github.com/cilium/cilium/pkg/u8proto"
)

func main() {
	if err := cilium(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// A peer is a pod by its labels, namespace included, or one of Cilium's reserved identities.
type peer struct {
	Labels   map[string]string `json:"labels"`
	Reserved []string          `json:"reserved"`
	CIDR     string            `json:"cidr"`
}

type question struct {
	Objects []json.RawMessage `json:"objects"`
	Flows   []struct {
		From     peer   `json:"from"`
		To       peer   `json:"to"`
		Protocol string `json:"protocol"`
		Port     uint16 `json:"port"`
	} `json:"flows"`
}

const clusterName = "default"

func cilium() error {
	var asked question
	if err := json.NewDecoder(os.Stdin).Decode(&asked); err != nil {
		return err
	}
	logger := slog.New(slog.DiscardHandler)
	manager := identitymanager.NewIDManager(logger)
	repository := policy.NewPolicyRepository(logger, nil, &testcertificatemanager.Fake{},
		envoypolicy.NewEnvoyL7RulesTranslator(logger, certificatemanager.NewMockSecretManagerInline()),
		manager, testpolicy.NewPolicyMetricsNoop())
	for _, object := range asked.Objects {
		entries, err := parse(logger, object)
		if err != nil {
			return err
		}
		repository.MustAddPolicyEntries(entries)
	}

	identities := map[string]*identity.Identity{}
	identify := func(p peer) *identity.Identity {
		key, _ := json.Marshal(p)
		if identities[string(key)] == nil {
			id := identityOf(p, len(identities))
			identities[string(key)] = id
			added := identity.IdentityMap{id.ID: id.LabelArray}
			wait := &sync.WaitGroup{}
			repository.GetSelectorCache().UpdateIdentities(added, nil, wait)
			repository.GetSubjectSelectorCache().UpdateIdentities(added, nil, wait)
			wait.Wait()
		}
		return identities[string(key)]
	}
	answers := []bool{}
	for _, flow := range asked.Flows {
		protocol, err := u8proto.ParseProtocol(flow.Protocol)
		if err != nil {
			return err
		}
		verdict, _, _, err := policy.LookupFlow(logger, repository, manager,
			types.Flow{From: identify(flow.From), To: identify(flow.To), Proto: protocol, Dport: flow.Port})
		if err != nil {
			return err
		}
		answers = append(answers, verdict.Allowed())
	}
	return json.NewEncoder(os.Stdout).Encode(answers)
}

func parse(logger *slog.Logger, object json.RawMessage) (types.PolicyEntries, error) {
	var head struct {
		Kind string `json:"kind"`
	}
	if err := json.Unmarshal(object, &head); err != nil {
		return nil, err
	}
	if head.Kind == "CiliumNetworkPolicy" {
		written := &v2.CiliumNetworkPolicy{}
		if err := json.Unmarshal(object, written); err != nil {
			return nil, err
		}
		rules, err := written.Parse(logger, clusterName)
		return utils.RulesToPolicyEntries(rules), err
	}
	written := &slim.NetworkPolicy{}
	if err := json.Unmarshal(object, written); err != nil {
		return nil, err
	}
	return k8s.ParseNetworkPolicy(logger, clusterName, written)
}

// Numbers of reserved identities are Cilium's own; others get one from 1000 on.
func identityOf(p peer, index int) *identity.Identity {
	all := labels.LabelArray{}
	for _, name := range p.Reserved {
		all = append(all, labels.NewLabel(name, "", labels.LabelSourceReserved))
	}
	for key, value := range p.Labels {
		all = append(all, labels.NewLabel(key, value, labels.LabelSourceK8s))
	}
	if p.CIDR != "" {
		all = append(all, labels.NewLabel(p.CIDR, "", labels.LabelSourceCIDR))
	}
	set := labels.Labels{}
	for _, label := range all {
		set[label.Key] = label
	}
	id := identity.NumericIdentity(1000 + index)
	if len(p.Reserved) > 0 && p.CIDR == "" {
		id = identity.GetReservedID(p.Reserved[0])
	}
	if id == 0 {
		panic("no reserved identity " + strconv.Quote(p.Reserved[0]))
	}
	return identity.NewIdentity(id, set)
}
