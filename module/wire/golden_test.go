package wire

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"kamailio-imc/engine/log"
	"kamailio-imc/engine/sip"
)

// TestBytesOfThisVersion: what other processes and C read is, byte for byte,
// what Version stands for. Who changes a byte here raises Version and
// IMC_ENGINE_ABI.
func TestBytesOfThisVersion(t *testing.T) {
	assert.Equal(t, 3, Version)
	m := Message{
		ID: 0x0102030405060708, Flags: FlagTyping, Room: ViewOf("r"), From: ViewOf("f"), CallID: ViewOf("c"),
		ContentType: ViewOf("t"), Headers: ViewOf("h"), Socket: ViewOf("s"), Inviter: ViewOf("i"), Body: []byte("b"),
	}
	to := []string{"u", "vw"}
	_, length := m.Fit(to, len(to))
	r := sip.Request{
		From: "f", RequestURI: "r", CallID: "c", ContentType: "t", Headers: "h", Socket: "s", Body: []byte("b"),
	}
	failed := Event{
		Code: -2, Room: ViewOf("r"), User: ViewOf("u"), Inviter: ViewOf("i"), CallID: ViewOf("c"), Socket: ViewOf("s"),
	}
	for name, c := range map[string]struct {
		got  []byte
		want string
	}{
		"MESSAGE": {m.AppendTo(nil, to, length), "41000000 01 0807060504030201 02" +
			" 01000000 72 01000000 66 01000000 63 01000000 74 01000000 68 01000000 73 01000000 69 01000000 62" +
			" 02000000 01000000 75 02000000 7677"},
		"LOG":      {AppendLog(nil, log.Notice, "l"), "07000000 02 03 01000000 6c"},
		"ROOM":     {AppendRoom(nil, "r", 258, "o"), "0f000000 03 01000000 72 02010000 01000000 6f"},
		"MEMBER":   {AppendMember(nil, "m"), "06000000 04 01000000 6d"},
		"READY":    {AppendReady(nil), "01000000 05"},
		"frame":    {EndFrame(append(BeginFrame(nil, FrameQuery, 0x01020304), 9), 0), "06000000 02 04030201 09"},
		"request":  {AppendRequest(nil, 5, &r), "0500000000000000 01000000 66 01000000 72 01000000 63 01000000 74 01000000 68 01000000 73 01000000 62"},
		"question": {AppendQuery(nil, 5, QueryListMembers, ViewOf("r"), ViewOf("u")), "0500000000000000 04000000 01000000 72 01000000 75"},
		"unsent":   {AppendUnsent(nil, 7, []byte{1, 2}), "07000000 0102"},
		"failed":   {AppendFailed(nil, &failed), "feffffff 01000000 72 01000000 75 01000000 69 01000000 63 01000000 73"},
	} {
		assert.Equal(t, strings.ReplaceAll(c.want, " ", ""), hex.EncodeToString(c.got), name)
	}
}
