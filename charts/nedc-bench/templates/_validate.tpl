{{- /* What a schema can't say, or not in words that help: refused when rendered. */}}
{{- define "nedc-bench.validate" -}}
{{- $redis := ne (print .Values.redis.url .Values.redis.existingSecret) "" -}}
{{- $tokens := or .Values.apiTokens.hashes .Values.apiTokens.existingSecret -}}
{{- $autoscaled := eq (include "nedc-bench.autoscaled" .) "true" -}}
{{- if and .Values.redis.url .Values.redis.existingSecret }}
{{- fail "redis.url and redis.existingSecret are both set; keep one" }}
{{- end }}
{{- if and .Values.apiTokens.hashes .Values.apiTokens.existingSecret }}
{{- fail "apiTokens.hashes and apiTokens.existingSecret are both set; keep one" }}
{{- end }}
{{- if and .Values.redis.caSecret (not $redis) }}
{{- fail "redis.caSecret is set, but there is no Redis; set redis.url or redis.existingSecret, or empty redis.caSecret" }}
{{- end }}
{{- if and .Values.redis.caSecret .Values.redis.url (not (hasPrefix "rediss" .Values.redis.url)) }}
{{- fail "redis.caSecret is set, but redis.url asks for no TLS; begin it with rediss://, rediss+sentinel:// or rediss+cluster://" }}
{{- end }}
{{- if and (not $redis) (gt (int .Values.replicaCount) 1) }}
{{- fail (printf "replicaCount is %d, but there is no Redis: each replica would have jobs of its own, and a client would ask the wrong one; set redis.url or redis.existingSecret, or replicaCount to 1" (int .Values.replicaCount)) }}
{{- end }}
{{- if and (not $redis) $autoscaled }}
{{- fail "autoscaling.enabled is true, but there is no Redis: each replica would have jobs of its own, and a client would ask the wrong one; set redis.url or redis.existingSecret, or autoscaling.enabled to false" }}
{{- end }}
{{- if and $autoscaled .Values.replicaCount }}
{{- fail "replicaCount is set, but the autoscaler decides; set autoscaling.minReplicas, or autoscaling.enabled to false" }}
{{- end }}
{{- if and .Values.autoscaling.external $autoscaled }}
{{- fail "autoscaling.external and autoscaling.enabled are both true: two autoscalers would fight; keep one" }}
{{- end }}
{{- if and .Values.autoscaling.external .Values.replicaCount }}
{{- fail "replicaCount is set, but autoscaling.external leaves the replicas to another; keep one" }}
{{- end }}
{{- if and .Values.autoscaling.external (not $redis) }}
{{- fail "autoscaling.external is true, but there is no Redis: each replica would have jobs of its own, and a client would ask the wrong one; set redis.url or redis.existingSecret, or autoscaling.external to false" }}
{{- end }}
{{- if and $autoscaled (not .Values.autoscaling.targetCPUUtilizationPercentage) (not .Values.autoscaling.metrics) }}
{{- fail "autoscaling.targetCPUUtilizationPercentage is null and autoscaling.metrics is empty; set one of them" }}
{{- end }}
{{- if gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas) }}
{{- fail (printf "autoscaling.minReplicas (%d) is more than autoscaling.maxReplicas (%d)" (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) }}
{{- end }}
{{- if or (kindIs "invalid" .Values.podDisruptionBudget.maxUnavailable) (has (toString .Values.podDisruptionBudget.maxUnavailable) (list "0" "0%")) }}
{{- fail "podDisruptionBudget.maxUnavailable is 0 or null: no node with a pod could ever be drained; set 1 or more" }}
{{- end }}
{{- if kindIs "invalid" .Values.config.shutdownGraceSeconds }}
{{- fail "config.shutdownGraceSeconds is null, but the pods' grace period follows it; give a number of seconds" }}
{{- end }}
{{- if and .Values.config.metricsNeedToken (not $tokens) }}
{{- fail "config.metricsNeedToken is true, but there are no tokens; set apiTokens.existingSecret or apiTokens.hashes" }}
{{- end }}
{{- if and .Values.config.metricsNeedToken .Values.serviceMonitor.enabled (not .Values.serviceMonitor.tokenSecret.name) }}
{{- fail "config.metricsNeedToken is true, but Prometheus has no token; set serviceMonitor.tokenSecret.name" }}
{{- end }}
{{- if and .Values.postSync.enabled $tokens (not .Values.probe.tokenSecret.name) }}
{{- fail "postSync.enabled is true and apiTokens are asked for, but the probe has no token; set probe.tokenSecret.name" }}
{{- end }}
{{- if eq .Values.service.type "ClusterIP" }}
{{- range $name := list "nodePort" "externalTrafficPolicy" }}
{{- if get $.Values.service $name }}
{{- fail (printf "service.%s is set, but service.type is ClusterIP; set NodePort or LoadBalancer" $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.service.loadBalancerClass (ne .Values.service.type "LoadBalancer") }}
{{- fail (printf "service.loadBalancerClass is set, but service.type is %s; set LoadBalancer" .Values.service.type) }}
{{- end }}
{{- if and .Values.ingress.enabled (not .Values.ingress.hosts) }}
{{- fail "ingress.enabled is true, but ingress.hosts is empty; name the hosts" }}
{{- end }}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) }}
{{- fail "httpRoute.enabled is true, but httpRoute.parentRefs is empty; name the Gateway" }}
{{- end }}
{{- range .Values.extraEnv }}
{{- $own := dict "PORT" "service.port" "REDIS_URL" "redis.url or redis.existingSecret" "API_TOKENS_FILE" "apiTokens.existingSecret" "MAX_WORKERS" "config.maxWorkers" "REDIS_CA_FILE" "redis.caSecret" "REDIS_PREFIX" "redis.prefix" -}}
{{- range $name, $value := $.Values.config }}
{{- if not (kindIs "invalid" $value) }}{{ $_ := set $own (snakecase $name | upper) (print "config." $name) }}{{ end }}
{{- end }}
{{- if hasKey $own .name }}
{{- fail (printf "extraEnv sets %s, which the chart sets itself; use %s" .name (get $own .name)) }}
{{- end }}
{{- end }}
{{- end }}
