package rollout

import (
	"reflect"
	"testing"
)

func TestAttributes(t *testing.T) {
	got, err := attributes([]byte(`{"Action":"run","Test":"T/a"}
{"Action":"attr","Test":"T/a","Key":"bucket","Value":"20/s"}
{"Action":"attr","Test":"T/b","Key":"bucket","Value":"480/s"}
{"Action":"output","Test":"T/a","Output":"…"}
{"Action":"attr","Test":"T/a","Key":"used","Value":"99%"}
`))
	want := []map[string]string{{"bucket": "20/s", "used": "99%"}, {"bucket": "480/s"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("attributes: got %v, %v, want %v", got, err, want)
	}
	for _, events := range []string{"", `{"Action":"pass"}`, "ok"} {
		if got, err := attributes([]byte(events)); err == nil {
			t.Errorf("attributes of %q: got %v, want an error", events, got)
		}
	}
}
