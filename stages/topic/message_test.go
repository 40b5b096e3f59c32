package topic_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weir-go/weir/stages"
	"github.com/weir-go/weir/stages/topic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOpenReadsWhatTheHeaderHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sent := time.Now()
		time.Sleep(2 * time.Second) // in the topic
		m := topic.Message{Body: []byte(`7`), Header: map[string]string{
			topic.HeaderAge: strconv.FormatInt(int64(3*time.Second), 10), topic.HeaderLeft: strconv.FormatInt(int64(5*time.Second), 10),
			topic.HeaderSent: strconv.FormatInt(sent.UnixNano(), 10), topic.HeaderTimings: `[["parse",1000,2000,3]]`, topic.HeaderID: "above",
		}}
		v, r, err := topic.Config[int]{}.Open("paid", m, stages.Receipt{ID: "stream/9", Deliveries: 2})
		require.NoError(t, err)
		require.Equal(t, 7, v)
		require.Equal(t, "above", r.ID)
		require.Equal(t, 2, r.Deliveries)
		require.Equal(t, &stages.Journey{
			Age: 5 * time.Second, Left: 3 * time.Second, Timings: []stages.Timing{
				{Stage: "parse", Wait: time.Microsecond, Work: 2 * time.Microsecond, Attempts: 3},
				{Stage: "paid", Wait: 2 * time.Second},
			},
		}, r.Journey)
	})
}

func TestOpenOfAnItemWhoseTimeIsUpLeavesItLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := topic.Message{Body: []byte(`7`), Header: map[string]string{
			topic.HeaderLeft: "1000", topic.HeaderSent: strconv.FormatInt(time.Now().UnixNano(), 10),
		}}
		time.Sleep(time.Second)
		_, r, err := topic.Config[int]{}.Open("paid", m, stages.Receipt{})
		require.NoError(t, err)
		require.Equal(t, time.Duration(1), r.Journey.Left, "it has a deadline, which has passed")
	})
}

func TestOpenLeavesOutWhatItCannotRead(t *testing.T) {
	m := topic.Message{Body: []byte(`7`), Header: map[string]string{
		topic.HeaderAge: "soon", topic.HeaderLeft: "-5", topic.HeaderSent: "99999999999999999999", topic.HeaderTimings: `[["a",1]]`,
	}}
	_, r, err := topic.Config[int]{}.Open("paid", m, stages.Receipt{ID: "stream/9"})
	require.NoError(t, err)
	require.Equal(t, "stream/9", r.ID, "what the broker calls it")
	require.Zero(t, r.Journey.Age)
	require.Zero(t, r.Journey.Left)
	require.Len(t, r.Journey.Timings, 1)
}

func TestWhatCannotBeDecodedIsAnError(t *testing.T) {
	_, _, err := topic.Config[int]{}.Open("paid", topic.Message{Body: []byte(`seven`)}, stages.Receipt{})
	require.ErrorContains(t, err, `topic "paid": decode`)
}

// broken is a codec and a propagator that panics.
type broken struct{ topic.JSON[int] }

func (broken) Decode([]byte) (int, error) { panic("broken") }

func (broken) Inject(context.Context, map[string]string) {}

func (broken) Extract(context.Context, map[string]string) context.Context { panic("broken") }

// The fault: a panic ended the run of the source, each time that the message came again.
func TestAPanicOfUserCodeCostsOneMessage(t *testing.T) {
	for name, c := range map[string]topic.Config[int]{"codec": {Codec: broken{}}, "propagator": {Propagator: broken{}}} {
		t.Run(name, func(t *testing.T) {
			_, r, err := c.Open("paid", topic.Message{Body: []byte(`7`)}, stages.Receipt{ID: "stream/9"})
			require.ErrorContains(t, err, `topic "paid": decode: `)
			var panicked *stages.PanicError
			require.ErrorAs(t, err, &panicked)
			require.Equal(t, "broken", panicked.Value)
			require.Equal(t, "stream/9", r.ID)
		})
	}
}

// tenants carries a tenant.
type tenants struct{}

type tenant struct{}

func (tenants) Inject(ctx context.Context, h map[string]string) {
	if s, ok := ctx.Value(tenant{}).(string); ok {
		h["Tenant"] = s
	}
}

func (tenants) Extract(ctx context.Context, h map[string]string) context.Context {
	return context.WithValue(ctx, tenant{}, h["Tenant"])
}

func TestAPropagatorRestoresTheContext(t *testing.T) {
	c := topic.Config[int]{Propagator: tenants{}}
	_, r, err := c.Open("paid", topic.Message{Body: []byte(`7`), Header: map[string]string{"Tenant": "acme"}}, stages.Receipt{})
	require.NoError(t, err)
	require.Equal(t, "acme", r.Context.Value(tenant{}))
}

func TestASinkThatIsSetUpWronglyIsNotValid(t *testing.T) {
	err := topic.SinkOf[int]("paid", topic.Config[int]{}, 0, nil).(stages.Validator).Validate()
	require.ErrorContains(t, err, "at least 1, not 0")
	require.ErrorContains(t, err, "publish function is nil")
	require.NoError(t, errors.Join(topic.SinkOf("paid", topic.Config[int]{}, 1, func(context.Context, topic.Message, func(error)) {}).(stages.Validator).Validate()))
}

// Nothing in a header makes Open panic, or gives an item a past that is longer than time.
func FuzzOpen(f *testing.F) {
	f.Add([]byte(`1`), "1", "2", "3", `[["a",1,2,3]]`, "id")
	f.Add([]byte(``), "-1", "9223372036854775807", "x", `[[]]`, "")
	f.Add([]byte(`{}`), "4611686018427387904", "1", "1", `[["a",9223372036854775807,1e9,-4]]`, "")
	f.Fuzz(func(t *testing.T, body []byte, age, left, sent, timings, id string) {
		m := topic.Message{Body: body, Header: map[string]string{
			topic.HeaderAge: age, topic.HeaderLeft: left, topic.HeaderSent: sent, topic.HeaderTimings: timings, topic.HeaderID: id,
		}}
		_, r, err := topic.Config[any]{}.Open("t", m, stages.Receipt{})
		if err != nil {
			return
		}
		require.GreaterOrEqual(t, r.Journey.Age, time.Duration(0))
		require.GreaterOrEqual(t, r.Journey.Left, time.Duration(0))
		require.Equal(t, "t", r.Journey.Timings[len(r.Journey.Timings)-1].Stage)
	})
}
