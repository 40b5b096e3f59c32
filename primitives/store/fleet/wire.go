package fleet

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
)

// A value in the store is a checksum in 8 hex digits and JSON. A value that was cut or mixed up can
// still be JSON, so it needs the checksum. A wrong digit in a duration would keep a fleet from its
// service.

const wireVersion = 1

// versioned is embedded in all values in the store.
type versioned struct {
	Version int `json:"v"`
}

// seal encodes x, which embeds a versioned.
func seal(x any) ([]byte, error) {
	body, err := json.Marshal(x)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%08x%s", crc32.ChecksumIEEE(body), body), nil
}

// unseal decodes a sealed value into x.
func unseal(value []byte, x any) error {
	if len(value) < 8 {
		return errCorrupt
	}
	sum, body := string(value[:8]), value[8:]
	if fmt.Sprintf("%08x", crc32.ChecksumIEEE(body)) != sum {
		return errCorrupt
	}
	// The version comes first: the rest of another version may not fit.
	var v versioned
	if json.Unmarshal(body, &v) != nil {
		return errCorrupt
	}
	if v.Version != wireVersion {
		return errVersion
	}
	if json.Unmarshal(body, x) != nil {
		return errCorrupt
	}
	return nil
}
