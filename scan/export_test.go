package scan

// DeferredMax is how many names may wait for a second look.
const DeferredMax = deferredMax
