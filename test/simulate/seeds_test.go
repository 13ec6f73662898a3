//go:build !race

package simulate

// defaultSeeds take less than half a minute on two cores.
const defaultSeeds = 1500
