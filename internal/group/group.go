// Package group divides values into groups.
package group

// By divides values into groups with the same key, in the order of the first values.
func By[T any, K comparable](values []T, key func(T) K) [][]T {
	index := map[K]int{}
	var groups [][]T
	for _, value := range values {
		k := key(value)
		i, ok := index[k]
		if !ok {
			i = len(groups)
			index[k] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], value)
	}
	return groups
}
