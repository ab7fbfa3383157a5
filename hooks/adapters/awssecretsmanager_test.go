package adapters_test

import (
	"strings"
	"testing"
)

func awsSample(body string) sample {
	return sample{adapter: "aws-secrets-manager", config: "{}", body: body}
}

const (
	// awsUpdated is the vendor's example, with all that an event has.
	awsUpdated = `{"version":"0","id":"6a7e8feb-b491-4cf7-a9f1-bf3703467718","detail-type":"Secret Label Updated","source":"aws.secretsmanager",
"account":"012345678901","time":"2026-02-06T16:43:48Z","region":"us-west-2","resources":["arn:aws:secretsmanager:us-west-2:012345678901:secret:prod/db-a1b2c3"],
"detail":{"name":"prod/db","labelUpdated":"AWSCURRENT","versionId":"a1b2c3d4-5678-90ab-cdef-EXAMPLE11111"}}`
	awsRotated = `{"version":"0","id":"dd5fd657","detail-type":"AWS Service Event via CloudTrail","source":"aws.secretsmanager","account":"012345678901",
"time":"2021-08-13T19:17:16Z","region":"us-west-2","resources":[],"detail":{"eventVersion":"1.08","eventTime":"2021-08-13T19:17:16Z",
"eventSource":"secretsmanager.amazonaws.com","eventName":"RotationSucceeded","requestParameters":null,"responseElements":null,
"additionalEventData":{"SecretId":"arn:aws:secretsmanager:us-west-2:012345678901:secret:prod/db-WoDpmU"},"eventType":"AwsServiceEvent"}}`
)

// awsCall is the record of a call; detail is what it has beside the name.
func awsCall(name, detail string) sample {
	return awsSample(`{"id":"e1","detail-type":"AWS API Call via CloudTrail","source":"aws.secretsmanager","time":"2026-01-01T00:00:00Z",` +
		`"detail":{"eventSource":"secretsmanager.amazonaws.com","eventName":"` + name + `",` + detail + `}}`)
}

func TestAWSSecretsManager(t *testing.T) {
	const (
		arn      = `"arn":"arn:aws:secretsmanager:us-west-2:012345678901:secret:prod/db-a1b2c3"`
		answered = `"responseElements":{` + arn + `}`
	)
	changed := []view{{"e1", "prod/db", "changed", "", nil, "2026-01-01T00:00:00Z"}}
	with := func(old, replacement string) sample {
		return awsSample(strings.Replace(awsUpdated, old, replacement, 1))
	}
	testTold(t, []toldTest{
		{name: "the label AWSCURRENT", sample: awsSample(awsUpdated), want: []view{{"6a7e8feb-b491-4cf7-a9f1-bf3703467718", "prod/db", "changed", "", nil, "2026-02-06T16:43:48Z"}}},
		{name: "another label", sample: with("AWSCURRENT", "blue")},
		{name: "another service", sample: with("aws.secretsmanager", "aws.ssm")},
		{name: "another event", sample: with("Secret Label Updated", "Secret Deleted")},
		{name: "a rotation", sample: awsSample(awsRotated), want: []view{{"dd5fd657", "prod/db", "changed", "", nil, "2021-08-13T19:17:16Z"}}},
		{name: "a rotation, in the other place", sample: awsCall("RotationSucceeded", `"serviceEventDetails":{"secretId":"arn:aws:secretsmanager:us-west-2:012345678901:secret:prod/db-a1b2c3"}`), want: changed},
		{name: "a rotation that failed", sample: awsCall("RotationFailed", `"additionalEventData":{"SecretId":"x"}`)},
		{name: "a new secret", sample: awsCall("CreateSecret", answered), want: changed},
		{name: "an update", sample: awsCall("UpdateSecret", answered), want: changed},
		{name: "an update of 2023", sample: awsCall("UpdateSecret", strings.Replace(answered, `"arn":`, `"aRN":`, 1)), want: changed},
		{name: "an update in another partition", sample: awsCall("UpdateSecret", strings.Replace(answered, "arn:aws:", "arn:aws-us-gov:", 1)), want: changed},
		{name: "an update that was refused", sample: awsCall("UpdateSecret", `"errorCode":"AccessDenied","requestParameters":{"secretId":"prod/db"}`)},
		{name: "a value", sample: awsCall("PutSecretValue", answered), want: changed},
		{name: "a value by name", sample: awsCall("PutSecretValue", `"requestParameters":{"secretId":"prod/db"}`), want: changed},
		{name: "a value with the label", sample: awsCall("PutSecretValue", `"requestParameters":{"versionStages":["blue","AWSCURRENT"]},`+answered), want: changed},
		{name: "the first step of a rotation", sample: awsCall("PutSecretValue", `"requestParameters":{"versionStages":["AWSPENDING"]},`+answered)},
		{name: "the last step of a rotation", sample: awsCall("UpdateSecretVersionStage", `"requestParameters":{"versionStage":"AWSCURRENT"},`+answered), want: changed},
		{name: "another label of a version", sample: awsCall("UpdateSecretVersionStage", `"requestParameters":{"versionStage":"blue"},`+answered)},
		{name: "a deletion", sample: awsCall("DeleteSecret", answered)},
		{name: "a read", sample: awsCall("GetSecretValue", `"requestParameters":{"secretId":"prod/db"}`)},
		{name: "names here", sample: sample{adapter: "aws-secrets-manager", config: "{secret_prefix: aws/, secret_names: {prod/db: [a, b]}}", body: awsCall("CreateSecret", answered).body}, want: []view{
			{"e1/0", "a", "changed", "", nil, "2026-01-01T00:00:00Z"}, {"e1/1", "b", "changed", "", nil, "2026-01-01T00:00:00Z"},
		}},
		{name: "a prefix", sample: sample{adapter: "aws-secrets-manager", config: "{secret_prefix: aws/}", body: awsCall("CreateSecret", answered).body}, want: []view{
			{"e1", "aws/prod/db", "changed", "", nil, "2026-01-01T00:00:00Z"},
		}},

		{name: "no source", sample: with(`"source"`, `"hunter"`), refused: "/source is missing, not a string"},
		{name: "no type", sample: with(`"detail-type"`, `"hunter"`), refused: "/detail-type is missing, not a string"},
		{name: "the detail alone", sample: awsSample(`{"name":"hunter2","labelUpdated":"AWSCURRENT"}`), refused: "/source is missing, not a string"},
		{name: "no label", sample: with("labelUpdated", "hunter"), refused: "/detail/labelUpdated is missing, not a string"},
		{name: "no name", sample: with(`"name"`, `"hunter"`), refused: "/detail/name is missing; a secret's name is a string"},
		{name: "bad ID", sample: with("6a7e8feb-", "hunter "), refused: "/id is not 1 to 256 printable ASCII characters without space"},
		{name: "bad time", sample: with("2026-02-06T", "hunter"), refused: "/time is not a time such as 2006-01-02T15:04:05Z (RFC 3339)"},
		{name: "no event's name", sample: awsSample(strings.Replace(awsRotated, `"eventName"`, `"hunter"`, 1)), refused: "/detail/eventName is missing, not a string"},
		{name: "no ARN", sample: awsCall("CreateSecret", `"responseElements":null`), refused: "/detail has no secret's ARN, neither in responseElements nor in additionalEventData"},
		{name: "ARN of something else", sample: awsCall("CreateSecret", `"responseElements":{"arn":"arn:aws:kms:us-west-2:012345678901:key/hunter2"}`), refused: "/detail/responseElements/arn is neither the ARN of a secret nor a name of 1 to 255 bytes"},
		{name: "long name", sample: awsCall("CreateSecret", `"responseElements":{"arn":"`+strings.Repeat("x", 256)+`"}`), refused: "/detail/responseElements/arn is neither the ARN of a secret nor a name of 1 to 255 bytes"},
	})
}

func FuzzAWSSecretsManager(f *testing.F) {
	fuzzTold(f, awsSample(awsUpdated), awsSample(awsRotated), awsCall("PutSecretValue", `"requestParameters":{"versionStages":["AWSCURRENT"],"secretId":"a"}`))
}
