{{- define "anomaly-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "anomaly-operator.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "anomaly-operator.name" . -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "anomaly-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "anomaly-operator.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name is needed when serviceAccount.create is false" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* The account that may suspend training workloads. */}}
{{- define "anomaly-operator.suspenderName" -}}
{{- include "anomaly-operator.fullname" . -}}-suspender
{{- end -}}

{{/* The operator's user name at the API server. */}}
{{- define "anomaly-operator.userName" -}}
system:serviceaccount:{{ .Release.Namespace }}:{{ include "anomaly-operator.serviceAccountName" . }}
{{- end -}}

{{/* Cluster-scoped names include the release namespace, so that two releases can coexist. */}}
{{- define "anomaly-operator.clusterName" -}}
{{- $name := include "anomaly-operator.fullname" . -}}
{{- ternary $name (printf "%s-%s" .Release.Namespace $name) (eq .Release.Namespace $name) -}}
{{- end -}}

{{- define "anomaly-operator.image" -}}
{{- $image := printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- if .Values.image.digest -}}
{{- $image = printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- end -}}
{{- include "anomaly-operator.fromRegistry" (list . $image) -}}
{{- end -}}

{{/*
An image from global.imageRegistry. As in every image name, the part before the first slash is a registry if
it contains a dot or a port, or is localhost.
*/}}
{{- define "anomaly-operator.fromRegistry" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- $registry := trimSuffix "/" ((($root.Values.global | default dict).imageRegistry) | default "") -}}
{{- $parts := splitList "/" $image -}}
{{- $first := first $parts -}}
{{- if not $registry -}}
{{ $image }}
{{- else if and (gt (len $parts) 1) (or (contains "." $first) (contains ":" $first) (eq $first "localhost")) -}}
{{ $registry }}/{{ join "/" (rest $parts) }}
{{- else -}}
{{ $registry }}/{{ $image }}
{{- end -}}
{{- end -}}

{{- define "anomaly-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "anomaly-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: operator
{{- end -}}

{{- define "anomaly-operator.labels" -}}
{{- include "anomaly-operator.labelsWith" (list . dict) -}}
{{- end -}}

{{/* Labels of an object with labels of its own. The chart's labels take precedence, then the object's. */}}
{{- define "anomaly-operator.labelsWith" -}}
{{- $root := index . 0 -}}
{{- $chart := dict
  "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_")
  "app.kubernetes.io/name" (include "anomaly-operator.name" $root)
  "app.kubernetes.io/instance" $root.Release.Name
  "app.kubernetes.io/version" $root.Chart.AppVersion
  "app.kubernetes.io/managed-by" $root.Release.Service -}}
{{- toYaml (mergeOverwrite (dict) ($root.Values.commonLabels | default dict) (index . 1 | default dict) $chart) -}}
{{- end -}}

{{/* The file that the operator reads with --config. */}}
{{- define "anomaly-operator.settings" -}}
{{- include "anomaly-operator.checkPods" . -}}
{{- $images := dict -}}
{{- range list "score" "train" -}}
{{- $_ := set $images . (include "anomaly-operator.fromRegistry" (list $ (index $.Values.settings.images .))) -}}
{{- end -}}
{{- $given := dict "watchNamespaces" .Values.watchNamespaces "images" $images "changes" .Values.changes -}}
{{- $image := include "anomaly-operator.fromRegistry" (list . .Values.serving.image) -}}
{{- $_ := set $given "serving" (mergeOverwrite (deepCopy .Values.serving) (dict "image" $image)) -}}
{{- if and .Values.serving.enabled (eq .Values.settings.storage.accessMode "ReadWriteOncePod") -}}
{{- fail "settings.storage.accessMode ReadWriteOncePod: a server would keep trainings from the claim; use ReadWriteOnce, or set serving.enabled to false" -}}
{{- end -}}
{{- if .Values.trainingRuns.suspend.enabled -}}
{{- $account := dict "serviceAccountName" (include "anomaly-operator.suspenderName" .) -}}
{{- $_ := set $given "trainingRuns" (dict "suspend" (mergeOverwrite (dict) .Values.trainingRuns.suspend $account)) -}}
{{- end -}}
{{- toYaml (mergeOverwrite (deepCopy .Values.settings) $given) -}}
{{- end -}}

{{/* Why an environment variable cannot be set; empty if it can. The same rules as in the operator's settings. */}}
{{- define "anomaly-operator.refusedVariable" -}}
{{- $name := upper . -}}
{{- if regexMatch "^(PYTHON.*|LD_.*|PATH|HOME|TMPDIR|TEMP|TMP|ENV|BASH_ENV|IFS|VIRTUAL_ENV|GCONV_PATH|LOCPATH|NLSPATH|GLIBC_.*|MALLOC_.*|(NPY|NUMPY|SCIPY|SKLEARN|JOBLIB|THREADPOOLCTL)_.*)$" $name -}}
it decides from where the process loads code or files
{{- else if regexMatch "^(OPENSSL_.*|SSL_.*|SSLKEYLOGFILE|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE)$" $name -}}
it changes which certificates and cryptography the process trusts
{{- else if regexMatch "^(KUBERNETES_.*|KUBECONFIG|POD_IP|HOSTALIASES|LOCALDOMAIN|RES_OPTIONS)$" $name -}}
it decides which API server the process speaks to
{{- else if regexMatch "^.*PROXY$" $name -}}
{{ include "anomaly-operator.noProxy" nil }}
{{- else if regexMatch "^(OMP|GOMP|KMP|OPENBLAS|GOTO|MKL|BLIS|NUMEXPR|VECLIB|LOKY)_.*$" $name -}}
each pod computes in one thread, because it requests a fraction of a core
{{- end -}}
{{- end -}}

{{- define "anomaly-operator.noProxy" -}}
a proxy would connect in place of the pod, and the address guard could not check where; the pods read no proxy, so make the source reachable directly
{{- end -}}

{{- define "anomaly-operator.checkPods" -}}
{{- $pods := .Values.settings.pods | default dict -}}
{{- range $key := list "httpProxy" "httpsProxy" "noProxy" -}}
{{- with index $pods $key -}}
{{- fail (printf "settings.pods.%s: %q is not used: %s" $key . (include "anomaly-operator.noProxy" nil)) -}}
{{- end -}}
{{- end -}}
{{- range $path, $list := dict "settings.pods.env" ($pods.env | default list) "extraEnv" (.Values.extraEnv | default list) -}}
{{- range $variable := $list -}}
{{- with include "anomaly-operator.refusedVariable" $variable.name -}}
{{- fail (printf "%s: %s=%q cannot be set: %s" $path $variable.name ($variable.value | default "") .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Security context that complies with the restricted Pod Security Standard. */}}
{{- define "anomaly-operator.podSecurityContext" -}}
runAsNonRoot: true
{{- if not .Values.securityContext.uidFromPlatform }}
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
{{- end }}
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "anomaly-operator.containerSecurityContext" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}
