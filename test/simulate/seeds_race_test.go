//go:build race

package simulate

// defaultSeeds take less than half a minute on two cores with the race detector, which makes the simulation several
// times as slow and finds races, not interleavings: the scheduler lets one invocation go on at a time.
const defaultSeeds = 150
