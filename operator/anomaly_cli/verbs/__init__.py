"""What a person does with the incidents and services of a cluster: `kubectl anomaly VERB`."""
