package iampolicy_test

import (
	"testing"

	"github.com/ecr-pull-policy/ecr-pull-policy/internal/iampolicy"
)

// A name that occurs twice must not hide a grant: which of the values applies is unclear.
func TestRepeatedNames(t *testing.T) {
	for _, statement := range []string{
		`{"Effect":"Allow","effect":"Deny","Principal":"*","Action":"*"}`,
		`{"Effect":"Allow","Principal":"*","principal":{"AWS":"111111111111"},"Action":"*"}`,
		`{"Effect":"Allow","Principal":{"AWS":"*","AWS":"111111111111"},"Action":"*"}`,
		`{"Effect":"Allow","Principal":"*","Action":"ecr:*","Action":"ecr:ListImages"}`,
		`{"Effect":"Allow","Principal":"*","Action":"ecr:*","Ac\u0074ion":"ecr:ListImages"}`,
		`{"Effect":"Allow","Principal":"*","Action":"*","Condition":{"Bool":{"a":true},"Bool":{"b":true}}}`,
		`{"Effect":"Allow","Principal":"*","Action":"*","Condition":{"Bool":{"a":true,"a":false}}}`,
		`{"Effect":"Allow","Principal":"*","Action":"*","Sid":"A","ſid":"B"}`,
	} {
		statements, err := iampolicy.Read(`{"Statement":[` + statement + `]}`)
		if err != nil || len(statements) != 1 || statements[0].Err == nil {
			t.Errorf("%s: got %+v, %v", statement, statements, err)
		}
	}
	for _, document := range []string{
		`{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*"}],"statement":[]}`,
		`{"Statement":[{"Effect":"Allow","Principal":"*","Action":"*"}],"Statement":[]}`,
	} {
		if statements, err := iampolicy.Read(document); err == nil {
			t.Errorf("%s: got %+v", document, statements)
		}
	}
	distinct := `{"Statement":[{"Sid":"A","Effect":"Allow","Principal":{"AWS":"*","Service":["a","a"]},"Action":["*","*"],"Condition":{"Bool":{"a":[true,1,"x"]},"Null":{"a":"true"}}},{"Sid":"A","Effect":"Deny","Principal":"*","Action":"*"}]}`
	statements, err := iampolicy.Read(distinct)
	if err != nil || len(statements) != 2 || statements[0].Err != nil || statements[1].Err != nil {
		t.Errorf("got %+v, %v", statements, err)
	}
}
