// Package schemas holds the schemas for the sandbox's plugins, so that they serve what the SDKs are generated from.
package schemas

import _ "embed"

//go:embed openstack.json
var OpenStack []byte

//go:embed talos.json
var Talos []byte
