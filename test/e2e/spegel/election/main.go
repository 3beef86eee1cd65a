// Elects a leader as Spegel does (internal/routing/bootstrap.go at v0.0.17, pkg/routing/bootstrap.go
// at v0.0.28), with the client-go of that release, and tells what happens, one word a line:
// "leading", "leader <identity>", "stopped", or an error of client-go.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/klog/v2"
)

func main() {
	kubeconfig := flag.String("kubeconfig-path", "", "")
	lock := flag.String("lock", resourcelock.LeasesResourceLock, "leases or configmapsleases")
	namespace := flag.String("leader-election-namespace", "spegel", "")
	name := flag.String("leader-election-name", "spegel-leader-election", "")
	id := flag.String("id", "", "identity of this candidate")
	klog.InitFlags(nil)
	flag.Parse()

	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	config, err := clientcmd.BuildConfigFromFlags("", *kubeconfig)
	fail(err)
	clients, err := kubernetes.NewForConfig(config)
	fail(err)
	held, err := resourcelock.New(*lock, *namespace, *name, clients.CoreV1(), clients.CoordinationV1(),
		resourcelock.ResourceLockConfig{Identity: *id})
	fail(err)
	leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
		Lock:            held,
		ReleaseOnCancel: true,
		LeaseDuration:   10 * time.Second,
		RenewDeadline:   5 * time.Second,
		RetryPeriod:     2 * time.Second,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { fmt.Println("leading") },
			OnStoppedLeading: func() { fmt.Println("stopped") },
			OnNewLeader: func(identity string) {
				if identity != resourcelock.UnknownLeader {
					fmt.Println("leader", identity)
				}
			},
		},
	})
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
