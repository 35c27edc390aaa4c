package dns

// withoutSegments makes a link what it is on a kernel that cannot segment.
func withoutSegments(l link) { l.(*batchLink).out.single = true }
