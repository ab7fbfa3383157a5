package adapters

import (
	"strings"

	"github.com/sealrelay/sealrelay/hooks"
	"github.com/sealrelay/sealrelay/internal/jsonscan"
	"github.com/sealrelay/sealrelay/internal/lazyregexp"
)

// AWSSecretsManager has the settings of the adapter "aws-secrets-manager", for
// events of AWS Secrets Manager that an EventBridge rule passes on, whole, to
// an API destination. The product's name of a secret is its name there, without
// region and account.
type AWSSecretsManager struct {
	Names `yaml:",inline"`
}

// NewAWSSecretsManager returns the adapter. It reads the event "Secret Label
// Updated"
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/event-detail-secret-label-updated-secretsmanager.html)
// for the label AWSCURRENT, and those that come by way of CloudTrail
// (https://docs.aws.amazon.com/secretsmanager/latest/userguide/monitoring-eventbridge.html)
// for calls that succeeded and gave AWSCURRENT to a version. Any other event
// tells nothing.
func NewAWSSecretsManager(settings AWSSecretsManager) (hooks.Adapter, error) {
	return newObjectAdapter(settings.Names, readAWS)
}

// awsCurrent is the label of the version that GetSecretValue returns.
const awsCurrent = "AWSCURRENT"

func readAWS(root jsonscan.Value) ([]notice, error) {
	source, err := readWord(root.At(jsonscan.Pointer{"source"}), "/source")
	if err != nil {
		return nil, err
	}
	kind, err := readWord(root.At(jsonscan.Pointer{"detail-type"}), "/detail-type")
	if err != nil {
		return nil, err
	}
	detail := root.At(jsonscan.Pointer{"detail"})
	n := notice{}
	switch {
	case source != "aws.secretsmanager":
		return nil, nil
	case kind == "Secret Label Updated":
		n.told, err = awsLabelUpdated(detail)
	case strings.HasSuffix(kind, " via CloudTrail"):
		n.told, err = awsCloudTrail(detail)
	}
	if err != nil || n.told == "" {
		return nil, err
	}
	if n.id, err = readEventID(root.At(jsonscan.Pointer{"id"}), "/id"); err != nil {
		return nil, err
	}
	if n.at, err = readTime(root.At(jsonscan.Pointer{"time"}), "/time"); err != nil {
		return nil, err
	}
	return []notice{n}, nil
}

// awsLabelUpdated is the name of the secret whose current version is another
// one; empty for other labels.
func awsLabelUpdated(detail jsonscan.Value) (string, error) {
	label, err := readWord(detail.At(jsonscan.Pointer{"labelUpdated"}), "/detail/labelUpdated")
	if err != nil || label != awsCurrent {
		return "", err
	}
	return readName(detail.At(jsonscan.Pointer{"name"}), "/detail/name")
}

// awsCloudTrail is the name of the secret whose current version is another one,
// as CloudTrail records the call or the rotation; empty for any other record.
func awsCloudTrail(detail jsonscan.Value) (string, error) {
	name, err := readWord(detail.At(jsonscan.Pointer{"eventName"}), "/detail/eventName")
	if err != nil {
		return "", err
	}
	asked := detail.At(jsonscan.Pointer{"requestParameters"})
	changes := false
	switch name {
	case "CreateSecret", "UpdateSecret", "RotationSucceeded":
		changes = true
	case "PutSecretValue":
		changes = awsPutsCurrent(asked.At(jsonscan.Pointer{"versionStages"}))
	case "UpdateSecretVersionStage":
		changes = asked.At(jsonscan.Pointer{"versionStage"}).Text() == awsCurrent
	}
	if !changes || detail.At(jsonscan.Pointer{"errorCode"}).Kind() == jsonscan.String {
		return "", nil
	}
	return awsSecretOf(detail)
}

// awsPutsCurrent says whether a new version gets AWSCURRENT, which it does where
// the call names no labels. The first step of a rotation gives AWSPENDING.
func awsPutsCurrent(stages jsonscan.Value) bool {
	if stages.Kind() != jsonscan.Array {
		return true
	}
	for stage := range stages.Elements() {
		if stage.Text() == awsCurrent {
			return true
		}
	}
	return false
}

// awsSecretIDs are where in its detail an event has the secret's name or ARN.
// The answer to a call has the whole ARN, called aRN before February 2024; a
// rotation has it in the one or the other of two places.
var awsSecretIDs = []jsonscan.Pointer{
	{"responseElements", "arn"},
	{"responseElements", "aRN"},
	{"additionalEventData", "SecretId"},
	{"serviceEventDetails", "secretId"},
	{"requestParameters", "secretId"},
}

func awsSecretOf(detail jsonscan.Value) (string, error) {
	for _, pointer := range awsSecretIDs {
		where := "/detail/" + strings.Join(pointer, "/")
		if id := detail.At(pointer); id.Kind() == jsonscan.String {
			return awsName(id.Text(), where)
		}
	}
	return "", malformed("/detail has no secret's ARN, neither in responseElements nor in additionalEventData")
}

// awsARN is a secret's ARN. Secrets Manager puts six random characters behind
// the name.
var awsARN = lazyregexp.New(`^arn:[a-z0-9-]+:secretsmanager:[a-z0-9-]*:[0-9]*:secret:(.+?)(-[A-Za-z0-9]{6})?$`)

// awsName is the name in an ARN, or the name itself where id is one.
func awsName(id, where string) (string, error) {
	if found := awsARN().FindStringSubmatch(id); found != nil {
		id = found[1]
	}
	if id == "" || len(id) > hooks.MaxNameLen || strings.HasPrefix(id, "arn:") {
		return "", malformed("%s is neither the ARN of a secret nor a name of 1 to %d bytes", where, hooks.MaxNameLen)
	}
	return id, nil
}
