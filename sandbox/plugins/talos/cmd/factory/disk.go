package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"

	"github.com/ulikunitz/xz"
)

// identity is what a disk says of itself: one line of JSON at its start. The schematic's text follows at schematicOffset.
type identity struct {
	Schematic    string `json:"schematic"`
	Version      string `json:"version"`
	Architecture string `json:"architecture"`
	SecureBoot   bool   `json:"secureBoot"`
}

const (
	rawSize         = 1 << 20
	schematicOffset = 4096
	qcow2Size       = 4453302272 // the virtual size of an image of Talos 1.11 or later
	cluster         = 1 << 16
)

// disk makes an image in the given format (raw, qcow2) and compression (empty or .xz).
func disk(id identity, canonical []byte, format, compression string) ([]byte, error) {
	line, err := json.Marshal(id)
	if err != nil {
		return nil, err
	}
	raw := make([]byte, rawSize)
	copy(raw, append(line, '\n'))
	raw[510], raw[511] = 0x55, 0xaa // a boot sector
	copy(raw[schematicOffset:], canonical)
	if format == "qcow2" {
		raw = qcow2(raw[:cluster])
	}
	if compression == "" {
		return raw, nil
	}
	var out bytes.Buffer
	w, err := xz.NewWriter(&out)
	if err == nil {
		_, err = w.Write(raw)
	}
	if err == nil {
		err = w.Close()
	}
	return out.Bytes(), err
}

// qcow2 is a version 2 image whose first cluster is data and whose rest is empty. Its clusters:
// header, refcount table, refcount block, L1 table, L2 table, data.
func qcow2(data []byte) []byte {
	image := make([]byte, 6*cluster)
	const copied = 1 << 63 // refcount is one
	put := func(offset int, v uint64) { binary.BigEndian.PutUint64(image[offset:], v) }
	copy(image, "QFI\xfb")
	binary.BigEndian.PutUint32(image[4:], 2)
	binary.BigEndian.PutUint32(image[20:], 16) // cluster bits
	put(24, qcow2Size)
	const entries = cluster / 8
	binary.BigEndian.PutUint32(image[36:], (qcow2Size+entries*cluster-1)/(entries*cluster)) // L1 entries
	put(40, 3*cluster)
	put(48, cluster)
	binary.BigEndian.PutUint32(image[56:], 1) // clusters of the refcount table
	put(cluster, 2*cluster)
	for i := range 6 {
		binary.BigEndian.PutUint16(image[2*cluster+2*i:], 1)
	}
	put(3*cluster, 4*cluster|copied)
	put(4*cluster, 5*cluster|copied)
	copy(image[5*cluster:], data)
	return image
}
