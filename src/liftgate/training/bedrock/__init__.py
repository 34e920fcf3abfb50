"""Amazon Bedrock as a place to train and to serve: names, uploads, jobs, deployments, imports, access."""
