package kamailio

import (
	"context"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"sync"
)

// Version is a version of Kamailio: 5.6, 6.0.
type Version struct{ Major, Minor int }

// AtLeast tells whether v is this version or a later one.
func (v Version) AtLeast(other Version) bool {
	return v.Major > other.Major || v.Major == other.Major && v.Minor >= other.Minor
}

// String is v as Kamailio writes it, without the number of its patch.
func (v Version) String() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// ParseVersion reads a version like "6.0".
func ParseVersion(s string) (Version, error) {
	var v Version
	m := regexp.MustCompile(`^(\d+)\.(\d+)$`).FindStringSubmatch(s)
	if m == nil {
		return v, fmt.Errorf("%q is no version of Kamailio", s)
	}
	var err error
	if v.Major, err = strconv.Atoi(m[1]); err != nil {
		return v, err
	}
	v.Minor, err = strconv.Atoi(m[2])
	return v, err
}

// Installed is the version of the Kamailio that the tests start.
var Installed = sync.OnceValues(func() (Version, error) {
	out, err := exec.CommandContext(context.Background(), "kamailio", "-v").Output()
	if err != nil {
		return Version{}, fmt.Errorf("kamailio -v: %w", err)
	}
	m := regexp.MustCompile(`^version: kamailio (\d+\.\d+)`).FindSubmatch(out)
	if m == nil {
		return Version{}, fmt.Errorf("kamailio -v says %.60q", out)
	}
	return ParseVersion(string(m[1]))
})
