package triage

// standing is how loud a code is by default.
type standing struct {
	severity Severity
	priority Priority
}

// standings holds the default of every code, for a single name. cert_expiring and behind_proxy also come lower, and
// a cause shared by a whole server raises P2 to P1: that takes more than one name to see.
var standings = map[Code]standing{
	CertExpired:     {Urgent, P1},
	CertNotYetValid: {Urgent, P2},
	CertRevoked:     {Urgent, P1},
	NameMismatch:    {Urgent, P2},
	ChainUntrusted:  {Urgent, P2},
	SelfSigned:      {Urgent, P2},
	CertExpiring:    {Urgent, P2},
	RenewalOverdue:  {Warn, P2},
	ChainIncomplete: {Warn, P3},
	StapleMissing:   {Urgent, P2},
	StapleInvalid:   {Warn, P3},

	Down:             {Urgent, P2},
	DownPartly:       {Warn, P2},
	Unresolved:       {Urgent, P2},
	TLSUnsupported:   {Warn, P3},
	NoCertificate:    {Warn, P3},
	HTTP5xx:          {Urgent, P3},
	ProxyOriginError: {Urgent, P2},
	RedirectLoop:     {Warn, P3},
	BackendDiffers:   {Warn, P3},
	SerialNotServed:  {Urgent, P1},
	KeyMismatch:      {Urgent, P1},
	WeakKey:          {Warn, P3},
	WeakSignature:    {Warn, P3},
	OldProtocol:      {Warn, P3},
	GradeBelowA:      {Warn, P3},
	NoHTTPSRedirect:  {OK, P3},
	HSTSMissing:      {OK, P3},

	IPv6Elsewhere:  {Warn, P3},
	IPv4Elsewhere:  {Warn, P3},
	SplitAddresses: {Warn, P3},
	OriginLeak:     {Warn, P3},
	BehindProxy:    {Warn, P3},
	MovedAway:      {Warn, P3},
	DomainFree:     {Warn, P3},
	DomainExpired:  {Warn, P3},
	DomainOnHold:   {Warn, P3},
	NotDelegated:   {Warn, P3},
	NoAddress:      {Warn, P3},
	NameMissing:    {Warn, P3},
	DanglingCNAME:  {Warn, P3},
	DNSBroken:      {Warn, P3},
	PrivateAddress: {Warn, P3},
	TakeoverRisk:   {Urgent, P3},
	DomainExpiring: {Warn, P3},
	CAAForbids:     {Warn, P3},
	CAAUnreachable: {Warn, P3},

	RenewalFailed:   {Urgent, P1},
	RenewalBlocked:  {Warn, P3},
	RenewalAtRisk:   {Warn, P3},
	LeftUs:          {Warn, P3},
	Reregistered:    {Warn, P3},
	TaskFailed:      {Warn, P2},
	PanelInProgress: {Urgent, P1},
	PanelFailed:     {Urgent, P1},
	PanelFailingNow: {Warn, P2},
	PanelStale:      {Warn, P2},
	PanelUnreadable: {Warn, P3},
	ProbeBlind:      {Urgent, P1},
	Inconclusive:    {Warn, P3},
	InvalidName:     {Warn, P3},
	SVCBElsewhere:   {Warn, P3},
}

// raise makes a finding of a code with its default severity and priority.
func raise(code Code, action Action, message string) Finding {
	st := standings[code]
	return Finding{Code: code, Severity: st.severity, Priority: st.priority, Action: action, Message: message}
}
