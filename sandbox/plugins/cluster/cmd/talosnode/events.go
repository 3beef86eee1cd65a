package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// events is ~/pkg/runtime/v1alpha1/v1alpha1_events.go: those of this boot, with IDs that grow across boots.
type events struct {
	mu   sync.Mutex
	all  []*machine.Event
	news chan struct{} // closed at the next one
	last int64
	// the call that this boot's sequence follows
	actor string
}

func (e *events) publish(payload proto.Message) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last = max(e.last+1, time.Now().UnixNano())
	any := must(anypb.New(payload))
	any.TypeUrl = "talos/runtime/" + string(payload.ProtoReflect().Descriptor().FullName())
	e.all = append(e.all, &machine.Event{Data: any, Id: fmt.Sprintf("%020d", e.last), ActorId: e.actor})
	if e.news != nil {
		close(e.news)
		e.news = nil
	}
}

func (e *events) service(s *service) {
	action := map[string]machine.ServiceStateEvent_Action{"Waiting": machine.ServiceStateEvent_WAITING, "Preparing": machine.ServiceStateEvent_PREPARING,
		"Running": machine.ServiceStateEvent_RUNNING, "Finished": machine.ServiceStateEvent_FINISHED}[s.state]
	e.publish(&machine.ServiceStateEvent{Service: s.id, Action: action, Message: s.text, Health: s.health()})
}

func (s *service) health() *machine.ServiceHealth {
	unknown := s.definition != nil || s.state != "Running"
	return &machine.ServiceHealth{Unknown: unknown, Healthy: s.healthy && !unknown, LastChange: timestamppb.New(s.at)}
}

func (e *events) sequence(name string, start bool) {
	action := machine.SequenceEvent_STOP
	if start {
		action = machine.SequenceEvent_START
	}
	e.publish(&machine.SequenceEvent{Sequence: name, Action: action})
}

func (e *events) task(name string) {
	e.publish(&machine.TaskEvent{Task: name, Action: machine.TaskEvent_START})
}

func (e *events) machineStatus(spec *runtime.MachineStatusSpec) {
	status := &machine.MachineStatusEvent_MachineStatus{Ready: spec.Status.Ready}
	for _, c := range spec.Status.UnmetConditions {
		status.UnmetConditions = append(status.UnmetConditions, &machine.MachineStatusEvent_MachineStatus_UnmetCondition{Name: c.Name, Reason: c.Reason})
	}
	e.publish(&machine.MachineStatusEvent{Stage: machine.MachineStatusEvent_MachineStage(spec.Stage), Status: status})
}

// Events sends what is asked of the past (all: -1) and goes on with what comes.
func (a api) Events(in *machine.EventsRequest, s grpc.ServerStreamingServer[machine.Event]) error {
	e := &a.events
	e.mu.Lock()
	next := len(e.all)
	switch {
	case in.TailId != "":
		for next = 0; next < len(e.all) && e.all[next].Id <= in.TailId; next++ {
		}
	case in.TailEvents < 0:
		next = 0
	case in.TailEvents > 0:
		next = max(0, next-int(in.TailEvents))
	case in.TailSeconds > 0:
		next = 0
	}
	e.mu.Unlock()
	for {
		e.mu.Lock()
		list := e.all[next:]
		next = len(e.all)
		if e.news == nil {
			e.news = make(chan struct{})
		}
		news := e.news
		e.mu.Unlock()
		for _, event := range list {
			if in.WithActorId == "" || in.WithActorId == event.ActorId {
				if err := s.Send(event); err != nil {
					return err
				}
			}
		}
		select {
		case <-news:
		case <-s.Context().Done():
			return nil
		}
	}
}
