package main

import (
	"strings"
	"unicode"

	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shimv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"github.com/terraform-provider-openstack/terraform-provider-openstack/v3/openstack"
)

const pkgName = "openstack"

// version is the version of the package whose tokens these are.
const version = "5.5.1"

// Terraform type → "module/Name" of the Pulumi resource, as in upstream's provider/resources.go.
var resources = map[string]string{
	"openstack_blockstorage_volume_attach_v3":      "blockstorage/VolumeAttach",
	"openstack_blockstorage_volume_v3":             "blockstorage/Volume",
	"openstack_compute_flavor_v2":                  "compute/Flavor",
	"openstack_compute_instance_v2":                "compute/Instance",
	"openstack_compute_interface_attach_v2":        "compute/InterfaceAttach",
	"openstack_compute_keypair_v2":                 "compute/Keypair",
	"openstack_compute_servergroup_v2":             "compute/ServerGroup",
	"openstack_compute_volume_attach_v2":           "compute/VolumeAttach",
	"openstack_dns_recordset_v2":                   "dns/RecordSet",
	"openstack_dns_zone_v2":                        "dns/Zone",
	"openstack_identity_application_credential_v3": "identity/ApplicationCredential",
	"openstack_images_image_v2":                    "images/Image",
	"openstack_lb_listener_v2":                     "loadbalancer/Listener",
	"openstack_lb_loadbalancer_v2":                 "loadbalancer/LoadBalancer",
	"openstack_lb_member_v2":                       "loadbalancer/Member",
	"openstack_lb_members_v2":                      "loadbalancer/Members",
	"openstack_lb_monitor_v2":                      "loadbalancer/Monitor",
	"openstack_lb_pool_v2":                         "loadbalancer/Pool",
	"openstack_networking_address_group_v2":        "networking/AddressGroupV2",
	"openstack_networking_floatingip_associate_v2": "networking/FloatingIpAssociate",
	"openstack_networking_floatingip_v2":           "networking/FloatingIp",
	"openstack_networking_network_v2":              "networking/Network",
	"openstack_networking_port_v2":                 "networking/Port",
	"openstack_networking_router_interface_v2":     "networking/RouterInterface",
	"openstack_networking_router_v2":               "networking/Router",
	"openstack_networking_secgroup_rule_v2":        "networking/SecGroupRule",
	"openstack_networking_secgroup_v2":             "networking/SecGroup",
	"openstack_networking_subnet_v2":               "networking/Subnet",
	"openstack_objectstorage_container_v1":         "objectstorage/Container",
}

// Terraform data source → "module/name" of the Pulumi function.
var functions = map[string]string{
	"openstack_compute_availability_zones_v2": "compute/getAvailabilityZones",
	"openstack_compute_flavor_v2":             "compute/getFlavor",
	"openstack_compute_limits_v2":             "compute/getLimitsV2",
	"openstack_dns_zone_v2":                   "dns/getDnsZone",
	"openstack_identity_auth_scope_v3":        "identity/getAuthScope",
	"openstack_identity_project_v3":           "identity/getProject",
	"openstack_images_image_ids_v2":           "images/getImageIds",
	"openstack_images_image_v2":               "images/getImage",
	"openstack_loadbalancer_flavor_v2":        "loadbalancer/getFlavorV2",
	"openstack_networking_network_v2":         "networking/getNetwork",
	"openstack_networking_port_ids_v2":        "networking/getPortIds",
	"openstack_networking_quota_v2":           "networking/getQuotaV2",
	"openstack_networking_router_v2":          "networking/getRouter",
	"openstack_networking_secgroup_v2":        "networking/getSecGroup",
	"openstack_networking_subnet_v2":          "networking/getSubnet",
}

// Provider settings that default to an environment variable in the Pulumi schema.
// (The Terraform provider itself reads the other OS_* variables.)
var configEnv = map[string]string{
	"allow_reauth":  "OS_ALLOW_REAUTH",
	"cloud":         "OS_CLOUD",
	"delayed_auth":  "OS_DELAYED_AUTH",
	"endpoint_type": "OS_ENDPOINT_TYPE",
	"insecure":      "OS_INSECURE",
	"region":        "OS_REGION_NAME",
	"swauth":        "OS_SWAUTH",
}

// token turns "networking/SecGroup" into "openstack:networking/secGroup:SecGroup".
func token(short string) tokens.ModuleMember {
	module, name, _ := strings.Cut(short, "/")
	file := []rune(name)
	file[0] = unicode.ToLower(file[0])
	return tokens.ModuleMember(pkgName + ":" + module + "/" + string(file) + ":" + name)
}

// providerInfo maps the Terraform provider to Pulumi.
func providerInfo() tfbridge.ProviderInfo {
	tf := openstack.Provider()
	info := tfbridge.ProviderInfo{
		P:                       shimv2.NewProvider(tf),
		Name:                    pkgName,
		Version:                 version,
		GitHubOrg:               "terraform-provider-openstack",
		TFProviderModuleVersion: "v3",
		Config:                  map[string]*tfbridge.SchemaInfo{},
		Resources:               map[string]*tfbridge.ResourceInfo{},
		DataSources:             map[string]*tfbridge.DataSourceInfo{},
		JavaScript:              &tfbridge.JavaScriptInfo{RespectSchemaVersion: true},
	}
	for name, env := range configEnv {
		info.Config[name] = &tfbridge.SchemaInfo{Default: &tfbridge.DefaultInfo{EnvVars: []string{env}}}
	}
	for name, short := range resources {
		info.Resources[name] = &tfbridge.ResourceInfo{Tok: tokens.Type(token(short))}
	}
	// Upstream had this resource under another token for a while.
	oldBalancer := "openstack:index/lbLoadbalancerV2:LbLoadbalancerV2"
	info.Resources["openstack_lb_loadbalancer_v2"].Aliases = []tfbridge.AliasInfo{{Type: &oldBalancer}}
	for name, short := range functions {
		info.DataSources[name] = &tfbridge.DataSourceInfo{Tok: token(short)}
	}
	for name := range tf.ResourcesMap {
		info.IgnoreMappings = append(info.IgnoreMappings, name)
	}
	for name := range tf.DataSourcesMap {
		info.IgnoreMappings = append(info.IgnoreMappings, name)
	}
	info.SetAutonaming(255, "-")
	return info
}
