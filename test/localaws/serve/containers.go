package main

import "net"

// bridge is the network interface of Docker's default network on Linux. There sam local invoke starts its containers,
// whatever --docker-network host may suggest, and there this machine is not 127.0.0.1 to them.
//
// https://docs.docker.com/engine/network/drivers/bridge/
const bridge = "docker0"

// bridgeAddress returns the address that containers reach this machine at. ok is false if Docker isn't running here.
func bridgeAddress() (ip net.IP, ok bool) {
	docker, err := net.InterfaceByName(bridge)
	if err != nil {
		return nil, false
	}
	addresses, err := docker.Addrs()
	if err != nil {
		return nil, false
	}
	for _, address := range addresses {
		if network, isNetwork := address.(*net.IPNet); isNetwork && network.IP.To4() != nil {
			return network.IP, true
		}
	}
	return nil, false
}
