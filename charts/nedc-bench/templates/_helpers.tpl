{{- /* A Service's name must begin with a letter, and has no dots; a release's may. */}}
{{- define "nedc-bench.fullname" -}}
{{- $name := default .Chart.Name .Values.nameOverride | lower | replace "." "-" | replace "_" "-" -}}
{{- $release := .Release.Name | replace "." "-" -}}
{{- $both := ternary $release (printf "%s-%s" $release $name) (contains $name $release) -}}
{{- if regexMatch "^[^a-z]" $both }}{{ $both = printf "nedc-bench-%s" $release }}{{ end -}}
{{- default $both .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- end }}

{{- define "nedc-bench.serviceAccountName" -}}
{{- $made := ternary (include "nedc-bench.fullname" .) "default" .Values.serviceAccount.create -}}
{{- default $made .Values.serviceAccount.name -}}
{{- end }}

{{- define "nedc-bench.image" -}}
{{- $tag := default .Chart.AppVersion .Values.image.tag -}}
{{- .Values.image.repository }}{{ ternary (print "@" .Values.image.digest) (print ":" $tag) (ne .Values.image.digest "") -}}
{{- end }}

{{- /* A Deployment's selector can't change: these two stay as they are. */}}
{{- define "nedc-bench.selector" -}}
app.kubernetes.io/name: {{ default .Chart.Name .Values.nameOverride | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- /* Labels and annotations of an object or pod, from a dict: root, component, and what it has beside the common ones. */}}
{{- define "nedc-bench.tags" -}}
{{- $own := dict "app.kubernetes.io/version" .root.Chart.AppVersion "app.kubernetes.io/component" .component -}}
{{- $_ := set $own "app.kubernetes.io/part-of" "nedc-bench" -}}
{{- $_ := set $own "app.kubernetes.io/managed-by" .root.Release.Service -}}
{{- $_ := set $own "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_") -}}
{{- $selector := include "nedc-bench.selector" .root | fromYaml -}}
{{- $labels := mergeOverwrite dict .root.Values.commonLabels (.labels | default dict) $own $selector -}}
labels:
  {{- toYaml $labels | nindent 2 }}
{{- with mergeOverwrite dict .root.Values.commonAnnotations (.annotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* The name of the Secret with the URL of Redis; empty without Redis. */}}
{{- define "nedc-bench.redisSecret" -}}
{{- $made := ternary (printf "%s-redis" (include "nedc-bench.fullname" .)) "" (ne .Values.redis.url "") -}}
{{- default $made .Values.redis.existingSecret -}}
{{- end }}

{{- /* The ports of Redis' pods, as a JSON list: as given, or as in redis.url. */}}
{{- define "nedc-bench.redisPorts" -}}
{{- $sentinel := contains "+sentinel:" .Values.redis.url -}}
{{- $ports := ternary (list 6379) list $sentinel -}}
{{- range regexReplaceAll "^[^:]*://([^/]*@)?|[/?].*$" .Values.redis.url "" | splitList "," }}
{{- $port := regexFind ":[0-9]+$" . | trimPrefix ":" | default (ternary "26379" "6379" $sentinel) -}}
{{- $ports = append $ports (int $port) -}}
{{- end }}
{{- default (uniq $ports) .Values.networkPolicy.redisPorts | toJson -}}
{{- end }}

{{- /* The name of the Secret with the hashes of tokens; empty where no token is asked for. */}}
{{- define "nedc-bench.tokensSecret" -}}
{{- $made := ternary (printf "%s-tokens" (include "nedc-bench.fullname" .)) "" (gt (len .Values.apiTokens.hashes) 0) -}}
{{- default $made .Values.apiTokens.existingSecret -}}
{{- end }}

{{- /* "true" or "false": where the value is null, whether there is Redis and nothing else scales. */}}
{{- define "nedc-bench.autoscaled" -}}
{{- $redis := ne (print .Values.redis.url .Values.redis.existingSecret) "" -}}
{{- $unset := kindIs "invalid" .Values.autoscaling.enabled -}}
{{- ternary (and $redis (not .Values.autoscaling.external)) .Values.autoscaling.enabled $unset -}}
{{- end }}
