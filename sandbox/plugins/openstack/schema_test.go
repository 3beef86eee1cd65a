package main

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"

	"pulumi-talos-openstack/sdks/schemas"
)

// What is mapped here has the tokens and the properties of upstream's schema, and nothing of the schema is missing.
func TestMappingIsUpstreams(t *testing.T) {
	type properties = map[string]any
	var schema struct {
		Version   string
		Resources map[string]struct{ Properties, InputProperties properties }
		Functions map[string]struct {
			Inputs, Outputs struct{ Properties properties }
		}
	}
	if err := json.Unmarshal(schemas.OpenStack, &schema); err != nil {
		t.Fatal(err)
	}
	if schema.Version != version {
		t.Errorf("the schema is of %s, the plugin of %s", schema.Version, version)
	}
	compare := func(token string, tf shim.Resource, fields map[string]*tfbridge.SchemaInfo, inputs, outputs properties) {
		mapped := properties{}
		tf.Schema().Range(func(name string, _ shim.Schema) bool {
			if name != "id" {
				mapped[tfbridge.TerraformToPulumiNameV2(name, tf.Schema(), fields)] = nil
			}
			return true
		})
		all := maps.Clone(outputs)
		maps.Copy(all, inputs)
		delete(all, "id")
		if a, b := slices.Sorted(maps.Keys(mapped)), slices.Sorted(maps.Keys(all)); !slices.Equal(a, b) {
			t.Errorf("%s\n  mapped   %v\n  upstream %v", token, a, b)
		}
	}
	info := providerInfo()
	for name, r := range info.Resources {
		token := string(r.Tok)
		s := schema.Resources[token]
		compare(token, info.P.ResourcesMap().Get(name), r.Fields, s.InputProperties, s.Properties)
		delete(schema.Resources, token)
	}
	for name, f := range info.DataSources {
		token := string(f.Tok)
		s := schema.Functions[token]
		compare(token, info.P.DataSourcesMap().Get(name), f.Fields, s.Inputs.Properties, s.Outputs.Properties)
		delete(schema.Functions, token)
	}
	delete(schema.Functions, "pulumi:providers:openstack/terraformConfig") // a method of every bridged provider
	for token := range schema.Resources {
		t.Errorf("not mapped: %s", token)
	}
	for token := range schema.Functions {
		t.Errorf("not mapped: %s", token)
	}
}
