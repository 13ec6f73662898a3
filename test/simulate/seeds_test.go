//go:build !race

package simulate

// defaultSeeds is the number of seeds that take less than half a minute on two cores.
const defaultSeeds = 1000
