// Package activation holds configurations of every extension against the machinery library of this module.
// Does not prove that a machine boots with them.
package activation

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configpatcher"
	"github.com/siderolabs/talos/pkg/machinery/config/generate"
	"github.com/siderolabs/talos/pkg/machinery/config/machine"
)

type cloudMode struct{}

func (cloudMode) String() string        { return "cloud" }
func (cloudMode) RequiresInstall() bool { return false }
func (cloudMode) InContainer() bool     { return false }

// sample is a set of strategic patches; a wrong one must be refused.
type sample struct {
	Name, Contract, Kubernetes string
	Patches                    []string
	Wrong                      bool
}

func validate(s sample) error {
	contract, err := config.ParseContractFromVersion(s.Contract)
	if err != nil {
		return err
	}
	input, err := generate.NewInput("prod", "https://10.10.0.9:6443", s.Kubernetes, generate.WithVersionContract(contract))
	if err != nil {
		return err
	}
	base, err := input.Config(machine.TypeWorker)
	if err != nil {
		return err
	}
	patches, err := configpatcher.LoadPatches(s.Patches)
	if err != nil {
		return err
	}
	out, err := configpatcher.Apply(configpatcher.WithConfig(base), patches)
	if err != nil {
		return err
	}
	patched, err := out.Config()
	if err != nil {
		return err
	}
	_, err = patched.Validate(cloudMode{})
	return err
}

func TestActivation(t *testing.T) {
	file := os.Getenv("ACTIVATION_SAMPLES")
	if file == "" {
		t.Skip("run by test/e2e/machinery.test.ts")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var samples []sample
	if err = json.Unmarshal(text, &samples); err != nil {
		t.Fatal(err)
	}
	for _, s := range samples {
		if err := validate(s); (err != nil) != s.Wrong {
			t.Errorf("%s: %v", s.Name, err)
		}
	}
	t.Logf("%d samples", len(samples))
}
