{{- /* The pod that probes the service: by `helm test`, and after a sync. */}}
{{- define "nedc-bench.probePod" -}}
restartPolicy: Never
serviceAccountName: {{ include "nedc-bench.serviceAccountName" . | quote }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
containers:
  - name: probe
    image: {{ include "nedc-bench.image" . | quote }}
    imagePullPolicy: {{ .Values.image.pullPolicy }}
    command:
      - python
      - /probe/probe.py
      - "http://{{ include "nedc-bench.fullname" . }}:{{ .Values.service.port }}"
      - /probe
    env:
      - name: WAIT_SECONDS
        value: {{ .Values.probe.timeoutSeconds | quote }}
      {{- with .Values.probe.tokenSecret }}
      {{- if .name }}
      - name: API_TOKEN
        valueFrom:
          secretKeyRef:
            name: {{ .name | quote }}
            key: {{ .key | quote }}
      {{- end }}
      {{- end }}
    terminationMessagePolicy: FallbackToLogsOnError
    securityContext:
      {{- toYaml .Values.securityContext | nindent 6 }}
    resources:
      requests: {cpu: 50m, memory: 32Mi}
      limits: {cpu: 500m, memory: 64Mi}
    volumeMounts:
      - name: probe
        mountPath: /probe
        readOnly: true
volumes:
  - name: probe
    configMap:
      name: {{ include "nedc-bench.fullname" . }}-probe
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
