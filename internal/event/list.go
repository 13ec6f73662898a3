package event

import "fmt"

// parameterStoreDetail is the detail of a change of a parameter. It doesn't contain the value.
//
// https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-cwe.html
type parameterStoreDetail struct {
	Name      string `json:"name"`
	Operation string `json:"operation"`
	Exception string `json:"exception"`
}

func parameterStoreChange(event envelope) (ListChanged, error) {
	detail, err := detailOf[parameterStoreDetail](event)
	if err != nil {
		return ListChanged{}, err
	}
	if detail.Exception != "" {
		return ListChanged{}, ignored("%s of parameter %q failed: %s", detail.Operation, detail.Name, detail.Exception)
	}
	switch detail.Operation {
	case "Create", "Update", "Delete":
	default:
		return ListChanged{}, ignored("operation %q doesn't change the value of parameter %q", detail.Operation, detail.Name)
	}
	if detail.Name == "" {
		return ListChanged{}, fmt.Errorf("%q event doesn't name a parameter", event.DetailType)
	}
	return ListChanged{Name: detail.Name, Operation: detail.Operation}, nil
}
