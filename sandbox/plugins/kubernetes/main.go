// Command pulumi-resource-kubernetes is upstream's Kubernetes provider, served from its Go module.
package main

import (
	"fmt"

	"github.com/pulumi/pulumi-kubernetes/provider/v4/pkg/provider"
)

// version is the version of the npm package that is used with it; -ldflags sets it.
var version = "4.34.2"

func main() {
	schema := fmt.Appendf(nil, `{"name":"kubernetes","version":%q}`, version)
	provider.Serve("kubernetes", version, schema, []byte("{}"))
}
