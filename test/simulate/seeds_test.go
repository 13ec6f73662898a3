//go:build !race

package simulate

// defaultSeeds take about half a minute on two cores.
const defaultSeeds = 1500
