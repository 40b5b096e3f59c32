package measure

import (
	"bufio"
	"bytes"
	"os"
	"strconv"
	"strings"
)

// PeakRSS returns the most memory that this process has occupied, in bytes; 0
// where the system does not tell. Unlike what wait returns of a child, it does
// not include what the parent occupied before it became this program.
func PeakRSS() uint64 { return memory("VmHWM") }

// memory reads a line of what Linux tells of a process.
func memory(line string) uint64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		if name == line {
			kb, _ := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			return kb << 10
		}
	}
	return 0
}
