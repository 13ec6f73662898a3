//go:build race

package simulate

// defaultSeeds is the number of seeds that take less than half a minute on two cores with the race detector. The race
// detector makes the simulation several times slower. It finds data races, but no additional interleavings, because the
// scheduler continues only one invocation at a time.
const defaultSeeds = 50
