package triage

import (
	"slices"
	"strings"

	"certscan/probe"
)

// state is what became of one endpoint, as far as availability goes.
type state int

const (
	stateUp         state = iota
	stateDown             // it does not serve
	stateUnjudged         // it serves, in a way that we cannot judge
	stateNameless         // it serves, and has no certificate for this name
	stateBlocked          // we will not dial it
	stateUnroutable       // this machine cannot reach its family
	stateUnfinished       // our own trouble or shutdown, or a look-up of ours, cut the probe
)

// stateOf reads an observation's error.
func stateOf(o *probe.Observation) state {
	if o.Err == nil {
		if o.TLS != nil && len(o.TLS.Chain) == 0 {
			return stateNameless
		}
		return stateUp
	}
	if o.Err.Step == probe.StepDNS {
		return stateUnfinished
	}
	switch o.Err.Code {
	case probe.CodeRefused, probe.CodeReset, probe.CodeTimeout, probe.CodeUnreachable, probe.CodeEOF, probe.CodeNotTLS:
		return stateDown
	case probe.CodeAlert:
		if o.Err.Step == probe.StepTLS && strings.Contains(o.Err.Detail, "unrecognized_name") {
			return stateNameless
		}
		return stateDown
	case probe.CodeUnsupported:
		return stateUnjudged
	case probe.CodeBlocked:
		return stateBlocked
	case probe.CodeNoRoute:
		return stateUnroutable
	case probe.CodeCanceled:
		return stateUnfinished
	}
	return stateUnfinished
}

// reachable reports whether the endpoint was dialled at all.
func (e *endpoint) reachable() bool { return e.state != stateUnroutable && e.state != stateBlocked }

// detailed holds the codes that say too little without their detail.
var detailed = []probe.ErrorCode{probe.CodeAlert, probe.CodeNotTLS, probe.CodeUnsupported, probe.CodeCanceled}

// failure writes the error of an endpoint: the step in words, and the code as it stands in the record.
func (e *endpoint) failure() string {
	if e.Err == nil {
		return "answers"
	}
	text := stepWords(e.Err.Step) + " " + string(e.Err.Code)
	answered := e.Err.Step == probe.StepHTTP && e.Err.Code == probe.CodeEOF // what was wrong with it is in the detail
	if e.Err.Detail != "" && (answered || e.Err.Step == probe.StepDNS || slices.Contains(detailed, e.Err.Code)) {
		text += " (" + clip(e.Err.Detail, maxQuote) + ")"
	}
	return text
}

func stepWords(s probe.Step) string {
	switch s {
	case probe.StepDNS:
		return "look-up"
	case probe.StepDial:
		return "connection"
	case probe.StepTLS:
		return "TLS handshake"
	case probe.StepHTTP:
		return "HTTP"
	}
	return string(s)
}

// dead reports whether an endpoint is down on a port that fails at every address that could be dialled. A port is a
// service of its own: mail that answers does not make the web server beside it less down.
func (s *scene) dead(e *endpoint) bool {
	if e.state != stateDown {
		return false
	}
	for i := range s.ends {
		o := &s.ends[i]
		if o.reachable() && o.state != stateDown && o.Target.Addr.Port() == e.Target.Addr.Port() {
			return false
		}
	}
	return true
}

func raiseDown(s *scene, code Code) []Finding {
	var failing []string
	for i := range s.ends {
		if e := &s.ends[i]; s.dead(e) {
			failing = append(failing, e.label()+": "+e.failure())
		}
	}
	if len(failing) == 0 {
		return nil
	}
	return []Finding{raise(code, ActionInvestigate, "no address answers: "+enumerate(failing, ", "))}
}

func whyDown(s *scene, _ Code) string {
	if len(s.ends) == 0 {
		return s.absent()
	}
	all := make([]string, len(s.ends))
	for i := range s.ends {
		all[i] = s.ends[i].label() + ": " + s.ends[i].failure()
	}
	return enumerate(all, ", ")
}

// howFailed are the words for an endpoint's error.
func howFailed(_ *scene, e *endpoint) string { return e.failure() }

func seeDownPartly(s *scene, e *endpoint) look {
	return look{
		matched: e.state == stateDown && !s.dead(e), why: told(howFailed), action: ActionInvestigate,
		message: told(func(_ *scene, e *endpoint) string {
			return "does not answer while another address does: " + e.failure()
		}),
	}
}

func seeTLSUnsupported(_ *scene, e *endpoint) look {
	return look{
		matched: e.state == stateUnjudged, why: told(howFailed), action: ActionInvestigate,
		message: told(func(_ *scene, e *endpoint) string {
			return "a server that speaks TLS in a way that cannot be judged: " + e.failure()
		}),
	}
}

func seeNoCertificate(s *scene, e *endpoint) look {
	if e.state != stateNameless {
		return passedFor(howFailed)
	}
	return look{
		matched: true, why: told(howFailed), action: s.mend(e, ActionRenew),
		message: told(func(_ *scene, e *endpoint) string {
			return "the server has no certificate for " + clip(e.Target.Name, maxQuote)
		}),
	}
}

// seeUnseen finds endpoints whose probe we did not finish.
func seeUnseen(_ *scene, e *endpoint) look {
	if e.state != stateUnfinished {
		return passed("probed to the end")
	}
	return look{matched: true, action: ActionInvestigate, why: told(func(_ *scene, e *endpoint) string {
		return e.label() + " was not probed to the end: " + e.failure()
	})}
}

// seeBlocked finds endpoints at addresses that we do not dial.
func seeBlocked(s *scene, e *endpoint) look {
	if e.state != stateBlocked {
		return passed("its address may be dialled")
	}
	l := look{matched: true, action: ActionInvestigate, why: told(func(_ *scene, e *endpoint) string {
		return e.Target.Addr.Addr().String() + " is a special-purpose address and was not dialled"
	})}
	if s.facts.Owner != nil {
		l.action = ActionFixDNS
	}
	return l
}

// absent says why there is no endpoint to look at.
func (s *scene) absent() string {
	if len(s.facts.Probes) == 0 {
		return "no endpoint was probed"
	}
	return "no endpoint counts: " + s.scope.why()
}
